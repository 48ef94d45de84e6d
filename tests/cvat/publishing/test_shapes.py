"""From drafts to the shapes that CVAT takes."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg2.extensions import connection

from doubles.cvat import CvatDouble
from firstpass.contracts.image_drafts import ImageDrafts
from firstpass.cvat.labels.mapping import DecidedBy, Decision
from firstpass.cvat.publishing.publish_run import publish_run
from firstpass.cvat.publishing.shapes import make_shapes
from firstpass.cvat.server.labels import Label
from firstpass.geometry.outlines import mask_to_polygons
from fixtures.cvat_runs import Night, jpeg

LABEL = Label(7, "person", "any", ((70, "left"),))


def decide(shape: str = "rectangle", threshold: float = 0.0, class_id: int = 1) -> dict[int, Decision]:
    return {class_id: Decision(class_id, "person", DecidedBy.EXACT, "same name", LABEL, shape, threshold)}


@dataclass
class Counted:
    dropped: Counter[str] = field(default_factory=Counter)
    filled: Counter[str] = field(default_factory=Counter)


def drafts(
    boxes: Any, polygons: Any = None, scores: Any = None, numbers: Any = None, pictured: tuple[int, int] = (64, 48)
) -> ImageDrafts:
    """Drafts of class 1 on frame 3."""
    n = len(boxes)
    scores = scores or n * [0.9]
    numbers = numbers or [*range(1, n + 1)]
    return ImageDrafts("cvat:task/1#3", 1, 3, *pictured, 1, 2, numbers, n * [1], scores, np.array(boxes), polygons)


def solid(*rings: list[float]) -> list[list[list[float]]]:
    """Parts without holes."""
    return [[ring] for ring in rings]


def one(
    box: tuple[float, ...] = (1.0, 2.0, 30.0, 40.0),
    polygons: Any = None,
    decisions: dict[int, Decision] | None = None,
    score: float = 0.9,
    size: tuple[int, int] = (64, 48),
    pictured: tuple[int, int] = (64, 48),
    group: int = 1,
    counted: Counted | None = None,
) -> tuple[list[dict[str, Any]], Counter[str]]:
    """The shapes of a single draft, and what was dropped."""
    counted = counted or Counted()
    found = drafts([box], None if polygons is None else [polygons], [score], pictured=pictured)
    return [shape for _, shape in make_shapes(found, decisions or decide(), size, group, counted)], counted.dropped


def test_a_rectangle_with_everything_that_cvat_wants() -> None:
    shapes, dropped = one()
    assert shapes == [
        {
            "type": "rectangle", "frame": 3, "label_id": 7, "score": 0.9, "source": "auto",
            "attributes": [{"spec_id": 70, "value": "left"}], "points": [1.0, 2.0, 30.0, 40.0],
        }
    ]  # fmt: skip
    assert not dropped


def test_each_shape_comes_with_the_number_of_its_detection() -> None:
    boxes = [[1.0, 2.0, 30.0, 40.0], [5.0, 5.0, 5.0, 9.0], [2.0, 3.0, 31.0, 41.0]]
    made = make_shapes(drafts(boxes, numbers=[1, 4, 9]), decide(), (64, 48), 1, Counted())
    assert [(number, shape["points"][0]) for number, shape in made] == [(1, 1.0), (9, 2.0)]


def test_single_precision_is_rounded_to_what_people_see() -> None:
    (shape,) = one((float(np.float32(1.1)), 2, 30, 40), score=float(np.float32(0.3)))[0]
    assert (shape["points"][0], shape["score"]) == (1.1, 0.3)
    (shape,) = one((1.2344, 2.006, 30, 40), score=0.98764)[0]
    assert (shape["points"][:2], shape["score"]) == ([1.23, 2.01], 0.9876)


def test_a_score_of_more_than_one_is_one() -> None:
    assert [one(score=score)[0][0]["score"] for score in (1.00001, 1.2)] == [1.0, 1.0]


def test_boxes_are_clipped_to_the_picture() -> None:
    (shape,) = one((-5, -0.001, 70, 50))[0]
    assert str(shape["points"]) == "[0.0, 0.0, 64.0, 48.0]", "minus zero would be another number to CVAT"


def test_a_smaller_picture_than_cvat_shows_is_scaled_up() -> None:
    assert one((1, 2, 30, 40), size=(128, 144), pictured=(64, 48))[0][0]["points"] == [2, 6, 60, 120]


def test_what_has_no_area_inside_is_dropped_and_counted() -> None:
    for box in ((5, 5, 5, 9), (5, 5, 9, 5), (9, 9, 5, 5), (70, 1, 90, 9), (-9, 1, -1, 9), (5, 5, 5.001, 9)):
        assert one(box) == ([], Counter({"person: no area": 1}))


def test_thresholds_of_a_class() -> None:
    assert one(decisions=decide(threshold=0.95)) == ([], Counter({"person: below 0.95": 1}))
    assert len(one(decisions=decide(threshold=0.9))[0]) == 1
    assert one(score=math.nan) == ([], Counter({"person: below 0": 1}))


def test_classes_without_a_label_are_dropped_and_counted() -> None:
    nothing = {1: Decision(1, "person", DecidedBy.UNMATCHED, "no label of this name")}
    assert one(decisions=nothing) == ([], Counter({"person: no label of this name": 1}))
    assert one(decisions=decide(class_id=2)) == ([], Counter({"1: no such class": 1}))


def test_an_outline_becomes_a_polygon_without_a_closing_point() -> None:
    (shape,) = one(polygons=solid([1, 1, 9, 1, 9, 9, 1, 1]), decisions=decide("polygon"))[0]
    assert (shape["type"], shape["points"], "group" in shape) == ("polygon", [1, 1, 9, 1, 9, 9], False)
    (shape,) = one(polygons=solid([1, 1, 9, 1, 9, 9, 1, 9]), decisions=decide("polygon"))[0]
    assert shape["points"] == [1, 1, 9, 1, 9, 9, 1, 9], "one that was open keeps all of its points"


def test_the_smallest_outline_is_one() -> None:
    assert len(one(polygons=solid([1, 1, 1.1, 1, 1.1, 1.1]), decisions=decide("polygon"))[0]) == 1


def test_several_parts_share_a_group_above_the_persons() -> None:
    parts = solid([1, 1, 9, 1, 9, 9], [20, 20, 29, 20, 29, 29])
    assert [shape["group"] for shape in one(polygons=parts, decisions=decide("polygon"), group=5)[0]] == [5, 5]


def test_outlines_that_are_none_are_left_out() -> None:
    for parts in ([], [[1, 1, 9, 9]], [[1, 1, 5, 5, 9, 9]], [[70, 1, 80, 1, 80, 9]]):
        assert one(polygons=solid(*parts), decisions=decide("polygon")) == ([], Counter({"person: no area": 1}))


def test_a_rectangle_label_takes_the_box_of_a_masked_detection() -> None:
    assert one(polygons=solid([1, 1, 9, 1, 9, 9]))[0][0]["type"] == "rectangle"


def test_a_mask_is_run_lengths_within_its_box() -> None:
    (shape,) = one(polygons=solid([2, 1, 4, 1, 4, 3, 2, 3]), decisions=decide("mask"))[0]
    assert (shape["type"], shape["points"]) == ("mask", [0, 9, 2, 1, 4, 3])


def test_a_mask_that_was_not_found_or_lies_outside_is_dropped() -> None:
    at_the_edge = [63.6, 1, 64, 1, 64, 5, 63.6, 5]
    for parts in ([], [[64, 1, 70, 1, 70, 9]], [[1, 48, 9, 48, 9, 50]], [at_the_edge]):
        assert one(polygons=solid(*parts), decisions=decide("mask")) == ([], Counter({"person: no area": 1})), parts


def test_a_mask_ends_with_the_frames_last_pixel() -> None:
    (shape,) = one(polygons=solid([60, 40, 64, 40, 64, 48, 60, 48]), decisions=decide("mask"))[0]
    assert shape["points"] == [0, 4 * 8, 60, 40, 63, 47]


SQUARE, HOLE = [2, 1, 4.5, 1, 4.5, 3.5, 2, 3.5], [3, 2, 3.5, 2, 3.5, 2.5, 3, 2.5]


def test_a_mask_keeps_its_holes() -> None:
    counted = Counted()
    (shape,) = one(polygons=[[SQUARE, HOLE]], decisions=decide("mask"), counted=counted)[0]
    assert shape["points"] == [0, 4, 1, 4, 2, 1, 4, 3]
    assert counted == Counted()


def test_a_polygon_fills_its_holes_and_they_are_counted() -> None:
    """Once for a draft, however many holes and parts it has, and for no other shape."""
    counted = Counted()
    (shape,) = one(polygons=[[SQUARE, HOLE]], decisions=decide("polygon"), counted=counted)[0]
    assert shape["points"] == SQUARE
    assert counted == Counted(filled=Counter({"person": 1}))
    one(polygons=[[SQUARE], [SQUARE, HOLE, HOLE], [SQUARE, HOLE]], decisions=decide("polygon"), counted=counted)
    assert counted.filled == {"person": 2}
    one(polygons=solid(SQUARE, HOLE), decisions=decide("polygon"), counted=counted)
    one(polygons=[[SQUARE, HOLE]], decisions=decide("rectangle"), counted=counted)
    assert counted == Counted(filled=Counter({"person": 2}))


def test_what_is_dropped_is_not_counted_as_filled() -> None:
    counted = Counted()
    one(polygons=[[[70, 1, 80, 1, 80, 9], HOLE]], decisions=decide("polygon"), counted=counted)
    assert counted == Counted(dropped=Counter({"person: no area": 1}))


@pytest.mark.parametrize("hole", [SQUARE, [0, 0, 60, 0, 60, 40, 0, 40]])
def test_a_mask_that_is_all_hole_is_dropped(hole: list[float]) -> None:
    assert one(polygons=[[SQUARE, hole]], decisions=decide("mask")) == ([], Counter({"person: no area": 1}))


def test_a_mask_whose_one_part_is_all_hole_keeps_the_other() -> None:
    other = [10, 10, 10.499, 10, 10.499, 10.499, 10, 10.499]
    (shape,) = one(polygons=[[SQUARE, SQUARE], [other]], decisions=decide("mask"))[0]
    assert painted(shape).sum() == 1
    assert painted(shape)[10, 10] == 1


@pytest.mark.parametrize("x", [0, 1, 31, 62, 63])
@pytest.mark.parametrize("y", [0, 1, 23, 46, 47])
def test_a_mask_of_one_pixel_is_that_pixel(x: int, y: int) -> None:
    mask = np.zeros((48, 64), bool)
    mask[y, x] = True
    (shape,) = one(polygons=flat(mask), decisions=decide("mask"))[0]
    assert shape["points"] == [0, 1, x, y, x, y]
    (shape,) = one(polygons=flat(mask), decisions=decide("polygon"))[0]
    xs, ys = shape["points"][::2], shape["points"][1::2]
    assert (min(xs), max(xs), min(ys), max(ys)) == (x, x + 0.5, y, y + 0.5)


@pytest.mark.parametrize("rows", [np.s_[:5], np.s_[20:25], np.s_[-5:], np.s_[:]])
@pytest.mark.parametrize("columns", [np.s_[:7], np.s_[20:27], np.s_[-7:], np.s_[:]])
@pytest.mark.parametrize("times", [1, 2])
def test_a_mask_with_a_hole_at_each_border_comes_out_as_it_was(rows: slice, columns: slice, times: int) -> None:
    mask = np.zeros((48, 64), bool)
    mask[rows, columns] = True
    mask[rows, columns][2:3, 2:5] = False
    (shape,) = one(polygons=flat(mask), decisions=decide("mask"), size=(64 * times, 48 * times))[0]
    expected = np.repeat(np.repeat(mask, times, axis=0), times, axis=1)
    ys, xs = np.nonzero(expected)
    assert shape["points"][-4:] == [xs.min(), ys.min(), xs.max(), ys.max()]
    assert (painted(shape, (64 * times, 48 * times)) == expected).all()


def test_a_mask_beginning_inside_begins_with_a_run_of_none() -> None:
    """CVAT's run lengths begin with zeros."""
    triangle = [2, 1, 4, 3, 2, 3]
    (shape,) = one(polygons=solid([4, 1, 4, 3, 2, 3]), decisions=decide("mask"))[0]
    assert shape["points"] == [2, 1, 1, 5, 2, 1, 4, 3]
    (shape,) = one(polygons=solid(triangle), decisions=decide("mask"))[0]
    assert shape["points"] == [0, 1, 2, 2, 1, 3, 2, 1, 4, 3]


def flat(mask: np.ndarray) -> list[list[list[float]]]:
    """A mask's parts as the warehouse has them, nothing simplified."""
    return [[ring.ravel().tolist() for ring in part] for part in mask_to_polygons(mask, min_iou=1)]


def painted(shape: dict[str, Any], size: tuple[int, int] = (64, 48)) -> np.ndarray:
    """CVAT's run lengths as pixels."""
    *runs, left, top, right, bottom = (int(value) for value in shape["points"])
    canvas = np.zeros(size[::-1], np.uint8)
    region = np.repeat(np.arange(len(runs)) % 2, runs).reshape(bottom - top + 1, right - left + 1)
    canvas[top : bottom + 1, left : right + 1] = region
    return canvas


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 63), st.integers(0, 47)), min_size=3, max_size=8), min_size=1, max_size=3
    ),
    st.lists(st.tuples(st.integers(0, 63), st.integers(0, 47)), min_size=3, max_size=8),
)
def test_run_lengths_paint_what_the_outlines_fill(
    parts: list[list[tuple[int, int]]], hole: list[tuple[int, int]]
) -> None:
    """The hole is within the bounds of the first part; the others may cover it."""
    xs, ys = zip(*parts[0], strict=True)
    hole = [(min(max(x, min(xs)), max(xs)), min(max(y, min(ys)), max(ys))) for x, y in hole]
    expected = np.zeros((48, 64), np.uint8)
    cv2.fillPoly(expected, [np.array(parts[0], np.int32)], 1)
    cv2.fillPoly(expected, [np.array(hole, np.int32)], 0)
    for part in parts[1:]:
        cv2.fillPoly(expected, [np.array(part, np.int32)], 1)
    rings = [[float(v) for point in ring for v in point] for ring in (*parts, hole)]
    polygons = [[rings[0], rings[-1]], *solid(*rings[1:-1])]
    shapes, dropped = one(polygons=polygons, decisions=decide("mask"))
    if not expected.any():
        assert (shapes, dropped) == ([], Counter({"person: no area": 1}))
    else:
        (shape,) = shapes
        assert (painted(shape) == expected).all()


@st.composite
def frames(draw: Any) -> ImageDrafts:
    """A frame with drafts of three classes here and there, some of them outside, some no numbers."""
    n = draw(st.integers(0, 6))
    place = st.floats(-50, 150, width=32) | st.just(math.nan)
    box = st.tuples(place, place, place, place)
    ring = st.lists(st.floats(-50, 150, width=32), min_size=2, max_size=10).map(lambda p: p[: len(p) // 2 * 2])
    parts = st.lists(st.lists(ring, min_size=1, max_size=3))
    return ImageDrafts(
        "cvat:task/1#3", 1, 3, draw(st.integers(1, 100)), draw(st.integers(1, 100)), 1, 2,
        sorted(draw(st.lists(st.integers(1, 100), min_size=n, max_size=n, unique=True))),
        draw(st.lists(st.integers(1, 3), min_size=n, max_size=n)),
        draw(st.lists(st.floats(0, 1) | st.just(math.nan), min_size=n, max_size=n)),
        np.array(draw(st.lists(box, min_size=n, max_size=n)), np.float64).reshape(-1, 4),
        draw(st.none() | st.lists(parts, min_size=n, max_size=n)),
    )  # fmt: skip


@given(frames(), st.sampled_from(["rectangle", "polygon", "mask"]), st.integers(1, 9), st.floats(0, 1))
def test_whatever_was_found_shapes_lie_in_the_frame_and_are_what_cvat_takes(
    found: ImageDrafts, kind: str, first_group: int, threshold: float
) -> None:
    counted = Counted()
    ids = dict(zip(found.numbers, found.class_ids, strict=True))
    scores = dict(zip(found.numbers, found.scores, strict=True))
    decisions = decide(kind, threshold) | {2: Decision(2, "kite", DecidedBy.UNMATCHED, "no label")}
    made = make_shapes(found, decisions, (80, 60), first_group, counted)
    numbers = [number for number, _ in made]
    assert numbers == sorted(numbers)
    assert {ids[number] for number in numbers} <= {1}
    assert len(set(numbers)) + counted.dropped.total() == len(found), "each draft is sent or counted"
    assert counted.filled.total() <= len(set(numbers)) * (kind == "polygon")
    groups: dict[int, set[int]] = {}
    for number, shape in made:
        points = shape["points"]
        assert threshold <= scores[number] + 1e-4
        assert 0 <= shape["score"] <= 1
        if kind == "mask":
            *runs, left, top, right, bottom = points
            assert 0 <= left <= right < 80
            assert 0 <= top <= bottom < 60
            assert sum(runs) == (right - left + 1) * (bottom - top + 1)
        else:
            assert all(0 <= x <= 80 for x in points[::2])
            assert all(0 <= y <= 60 for y in points[1::2])
            assert points == [round(value, 2) for value in points]
        if kind == "rectangle":
            assert points[0] < points[2]
            assert points[1] < points[3]
        if kind == "polygon":
            assert len(points) >= 6
        if "group" in shape:
            groups.setdefault(shape["group"], set()).add(number)
    assert sorted(groups) == list(range(first_group, first_group + len(groups)))
    assert all(len(of) == 1 for of in groups.values()), "no two detections share a group"
    assert all(("group" in shape) == (numbers.count(number) > 1) for number, shape in made)


def test_cvat_takes_each_type(warehouse: connection, cvat: CvatDouble) -> None:
    """One detection in two parts with a hole, for labels of three types."""
    labels = [{"name": n, "type": t} for n, t in (("person", "polygon"), ("car", "mask"), ("traffic light", "any"))]
    task = cvat.state.add_task("t", labels=labels, frames=[jpeg()])
    parts = [[[1, 1, 9, 1, 9, 9, 1, 9], [3, 3, 5, 3, 5, 5, 3, 5]], [[20, 20, 29, 20, 29, 29]]]
    found = [(n, 0.9, (1.0, 1.0, 29.0, 29.0)) for n in (1, 2, 3)]
    publish_run(Night("n", task.id, {0: found}, polygons={0: 3 * [parts]}).save(warehouse))
    types = Counter((s["type"], s["group"]) for s in task.shapes.values())
    assert types == {("polygon", 1): 2, ("mask", 0): 1, ("polygon", 2): 2}
    assert publish_run("n")["shapes"] == 0
    (mask,) = (shape for shape in task.shapes.values() if shape["type"] == "mask")
    assert painted(mask)[4, 4] == 0
    assert painted(mask)[2, 2] == 1

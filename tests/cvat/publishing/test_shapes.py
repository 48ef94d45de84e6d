"""From a prediction to the shapes that CVAT takes."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from psycopg2.extensions import connection

from doubles.cvat import CvatDouble
from firstpass.contracts.prediction import Prediction
from firstpass.cvat.labels.mapping import DecidedBy, Decision
from firstpass.cvat.publishing.publish_run import publish_run
from firstpass.cvat.publishing.shapes import make_shapes
from firstpass.cvat.server.labels import Label
from fixtures.cvat_runs import Night, jpeg

LABEL = Label(7, "person", "any", ((70, "left"),))


def decide(shape: str = "rectangle", threshold: float = 0.0, class_id: int = 1) -> dict[int, Decision]:
    return {class_id: Decision(class_id, "person", DecidedBy.EXACT, "same name", LABEL, shape, threshold)}


def one(
    box: tuple[float, ...] = (1.0, 2.0, 30.0, 40.0),
    polygons: Any = None,
    decisions: dict[int, Decision] | None = None,
    score: float = 0.9,
    size: tuple[int, int] = (64, 48),
    pictured: tuple[int, int] = (64, 48),
    group: int = 1,
) -> tuple[list[dict[str, Any]], Counter[str]]:
    """The shapes of a single detection, and what was dropped."""
    prediction = Prediction(
        "cvat:task/1#3", 1, 3, *pictured, [1], [score], np.array([box]), None if polygons is None else [polygons]
    )
    dropped: Counter[str] = Counter()
    return [shape for _, shape in make_shapes(prediction, decisions or decide(), size, group, dropped)], dropped


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
    boxes = np.array([[1.0, 2.0, 30.0, 40.0], [5.0, 5.0, 5.0, 9.0], [2.0, 3.0, 31.0, 41.0]])
    prediction = Prediction("cvat:task/1#3", 1, 3, 64, 48, [1, 1, 1], [0.9, 0.8, 0.7], boxes, None)
    made = make_shapes(prediction, decide(), (64, 48), 1, Counter())
    assert [(number, shape["points"][0]) for number, shape in made] == [(1, 1.0), (3, 2.0)]


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
    (shape,) = one(polygons=[[1, 1, 9, 1, 9, 9, 1, 1]], decisions=decide("polygon"))[0]
    assert (shape["type"], shape["points"], "group" in shape) == ("polygon", [1, 1, 9, 1, 9, 9], False)
    (shape,) = one(polygons=[[1, 1, 9, 1, 9, 9, 1, 9]], decisions=decide("polygon"))[0]
    assert shape["points"] == [1, 1, 9, 1, 9, 9, 1, 9], "one that was open keeps all of its points"


def test_the_smallest_outline_is_one() -> None:
    assert len(one(polygons=[[1, 1, 1.1, 1, 1.1, 1.1]], decisions=decide("polygon"))[0]) == 1


def test_several_parts_share_a_group_above_the_persons() -> None:
    parts = [[1, 1, 9, 1, 9, 9], [20, 20, 29, 20, 29, 29]]
    assert [shape["group"] for shape in one(polygons=parts, decisions=decide("polygon"), group=5)[0]] == [5, 5]


def test_outlines_that_are_none_are_left_out() -> None:
    for parts in ([], [[1, 1, 9, 9]], [[1, 1, 5, 5, 9, 9]], [[70, 1, 80, 1, 80, 9]]):
        assert one(polygons=parts, decisions=decide("polygon")) == ([], Counter({"person: no area": 1}))


def test_a_rectangle_label_takes_the_box_of_a_masked_detection() -> None:
    assert one(polygons=[[1, 1, 9, 1, 9, 9]])[0][0]["type"] == "rectangle"


def test_a_mask_is_run_lengths_within_its_box() -> None:
    (shape,) = one(polygons=[[2, 1, 4, 1, 4, 3, 2, 3]], decisions=decide("mask"))[0]
    assert (shape["type"], shape["points"]) == ("mask", [0, 9, 2, 1, 4, 3])


def test_a_mask_that_was_not_found_or_lies_outside_is_dropped() -> None:
    at_the_edge = [63.6, 1, 64, 1, 64, 5, 63.6, 5]
    for parts in ([], [[64, 1, 70, 1, 70, 9]], [[1, 48, 9, 48, 9, 50]], [at_the_edge]):
        assert one(polygons=parts, decisions=decide("mask")) == ([], Counter({"person: no area": 1})), parts


def test_a_mask_ends_with_the_frames_last_pixel() -> None:
    (shape,) = one(polygons=[[60, 40, 64, 40, 64, 48, 60, 48]], decisions=decide("mask"))[0]
    assert shape["points"] == [0, 4 * 8, 60, 40, 63, 47]


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 63), st.integers(0, 47)), min_size=3, max_size=8), min_size=1, max_size=3
    )
)
def test_run_lengths_paint_what_the_outlines_fill(parts: list[list[tuple[int, int]]]) -> None:
    import cv2

    flat = [[float(v) for point in part for v in point] for part in parts]
    (shape,) = one(polygons=flat, decisions=decide("mask"))[0]
    *runs, left, top, right, bottom = (int(value) for value in shape["points"])
    values = np.arange(len(runs)) % 2
    painted = np.zeros((48, 64), np.uint8)
    region = np.repeat(values, runs).reshape(bottom - top + 1, right - left + 1)
    painted[top : bottom + 1, left : right + 1] = region
    expected = np.zeros((48, 64), np.uint8)
    cv2.fillPoly(expected, [np.array(part, np.int32) for part in parts], 1)
    assert (painted == expected).all()


@st.composite
def predictions(draw: Any) -> Prediction:
    """A frame with detections of three classes here and there, some of them outside, some no numbers."""
    n = draw(st.integers(0, 6))
    place = st.floats(-50, 150, width=32) | st.just(math.nan)
    box = st.tuples(place, place, place, place)
    parts = st.lists(
        st.lists(st.floats(-50, 150, width=32), min_size=2, max_size=10).map(lambda p: p[: len(p) // 2 * 2])
    )
    return Prediction(
        "cvat:task/1#3", 1, 3, draw(st.integers(1, 100)), draw(st.integers(1, 100)),
        draw(st.lists(st.integers(1, 3), min_size=n, max_size=n)),
        draw(st.lists(st.floats(0, 1) | st.just(math.nan), min_size=n, max_size=n)),
        np.array(draw(st.lists(box, min_size=n, max_size=n)), np.float64).reshape(-1, 4),
        draw(st.none() | st.lists(parts, min_size=n, max_size=n)),
    )  # fmt: skip


@given(predictions(), st.sampled_from(["rectangle", "polygon", "mask"]), st.integers(1, 9), st.floats(0, 1))
def test_whatever_was_found_shapes_lie_in_the_frame_and_are_what_cvat_takes(
    prediction: Prediction, kind: str, first_group: int, threshold: float
) -> None:
    dropped: Counter[str] = Counter()
    decisions = decide(kind, threshold) | {2: Decision(2, "kite", DecidedBy.UNMATCHED, "no label")}
    made = make_shapes(prediction, decisions, (80, 60), first_group, dropped)
    numbers = [number for number, _ in made]
    assert numbers == sorted(numbers)
    assert {prediction.class_ids[number - 1] for number in numbers} <= {1}
    assert len(set(numbers)) + dropped.total() == len(prediction.scores), "each detection is drafted or counted"
    groups: dict[int, set[int]] = {}
    for number, shape in made:
        points = shape["points"]
        assert threshold <= prediction.scores[number - 1] + 1e-4
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
    """One detection in two parts, for labels of three types."""
    labels = [{"name": n, "type": t} for n, t in (("person", "polygon"), ("car", "mask"), ("traffic light", "any"))]
    task = cvat.state.add_task("t", labels=labels, frames=[jpeg()])
    parts = [[1, 1, 9, 1, 9, 9], [20, 20, 29, 20, 29, 29]]
    found = [(n, 0.9, (1.0, 1.0, 29.0, 29.0)) for n in (1, 2, 3)]
    publish_run(Night("n", task.id, {0: found}, polygons={0: 3 * [parts]}).save(warehouse))
    types = Counter((s["type"], s["group"]) for s in task.shapes.values())
    assert types == {("polygon", 1): 2, ("mask", 0): 1, ("polygon", 2): 2}
    assert publish_run("n")["shapes"] == 0

"""Predictions come back as drafts, a few at a time, in one order."""

from __future__ import annotations

import numpy as np
import pytest

from firstpass.contracts.thresholds import Thresholds
from firstpass.errors import FirstpassError
from firstpass.warehouse.catalogue_merge import merge_catalogue
from firstpass.warehouse.merge import merge_chunk
from firstpass.warehouse.predictions import frame_revisions, has_polygons, read_drafts, stored_threshold
from fixtures.made_up_runs import catalogue, row, unreadable


def frame(task: int | None, number: int | None, name: str = "", **other) -> dict:
    return row(name or f"cvat:task/{task}#{number}", task=task, frame=number, **other)


LIMITS = Thresholds(0.3)


def names(warehouse, run_id, task=None) -> list[str]:
    with warehouse:
        return [each.uri for each in read_drafts(warehouse, run_id, LIMITS, task)]


def test_a_prediction_is_all_that_is_known_of_an_image(warehouse, night):
    run = night()
    shapes = [[[[1.5, 2, 3, 4, 5, 6]]], []]
    rows = [frame(3, 7, width=100, height=50, detections=2, polygons=shapes), row("file:///empty", "empty", 0)]
    merge_chunk(warehouse, run.spec, run.chunk(0, rows))
    with warehouse:
        first, empty = read_drafts(warehouse, "a run", LIMITS)
    assert (first.uri, first.task, first.frame, first.width, first.height) == ("cvat:task/3#7", 3, 7, 100, 50)
    assert (first.numbers, first.class_ids, first.scores, first.polygons) == ([1, 2], [1, 2], [0.875, 0.859375], shapes)
    assert (first.orientation, first.revision, len(first)) == (1, 2, 2)
    assert first.boxes.dtype == np.float64
    assert first.boxes.tolist() == [[10.5, 20.25, 110.5, 220.25], [11.5, 21.25, 111.5, 221.25]]
    assert (empty.uri, empty.task, empty.boxes.shape, empty.polygons) == ("file:///empty", None, (0, 4), None)


def test_they_come_in_order_of_task_frame_and_name(warehouse, night):
    run = night()
    rows = [
        frame(12, 1),
        frame(3, 10),
        frame(3, 9),
        frame(3, 9, "again"),
        frame(None, None, "b"),
        frame(None, None, "a"),
    ]
    merge_chunk(warehouse, run.spec, run.chunk(0, rows))
    assert names(warehouse, "a run") == ["again", "cvat:task/3#9", "cvat:task/3#10", "cvat:task/12#1", "a", "b"]
    assert names(warehouse, "a run", 3) == ["again", "cvat:task/3#9", "cvat:task/3#10"]
    assert names(warehouse, "a run", 4) == []


def test_more_than_are_kept_in_memory_arrive_all(warehouse, night):
    run = night()
    uris = [f"file:///{n:04d}" for n in range(450)]
    merge_chunk(warehouse, run.spec, run.chunk(0, [row(uri) for uri in uris]))
    assert names(warehouse, "a run") == uris


def test_a_known_image_has_the_prediction_of_the_run_that_knew_it_first(warehouse, night):
    first = night("first")
    known, torn = row("file:///known", detections=3), unreadable("file:///torn")
    merge_chunk(warehouse, first.spec, first.chunk(0, [known, row("file:///other")]))
    run = night()
    merge_catalogue(warehouse, run.spec, catalogue([known | {"outcome": "known"}, torn]))
    with warehouse:
        (found,) = read_drafts(warehouse, "a run", LIMITS)
    assert (found.uri, len(found.scores)) == ("file:///known", 3)


def test_drafts_are_what_reaches_the_thresholds_with_their_numbers_in_the_prediction(warehouse, night):
    """Class 2 has a threshold of its own; what is equal to a threshold reaches it."""
    run = night()
    rings = [[[[n, 0, 1, 0, 1, 1]]] for n in range(4)]
    found = row("file:///a", detections=4, class_ids=[1, 2, 1, 1], scores=[0.9, 0.8, 0.7, 0.6], polygons=rings)
    merge_chunk(warehouse, run.spec, run.chunk(0, [found, row("file:///b", scores=[0.2])]))
    with warehouse:
        drafts, none = read_drafts(warehouse, "a run", Thresholds(0.7, {2: 0.85}))
    assert (drafts.numbers, drafts.class_ids) == ([1, 3], [1, 1])
    assert drafts.scores == pytest.approx([0.9, 0.7])
    assert drafts.boxes[:, 0].tolist() == [10.5, 12.5]
    assert drafts.polygons == [rings[0], rings[2]]
    assert (none.uri, len(none), none.boxes.shape) == ("file:///b", 0, (0, 4))


def test_frames_come_with_the_revision_that_they_were_inferred_with(warehouse, night):
    old, run = night("old", revision=1), night("new")
    torn = unreadable("cvat:task/99#0") | {"task": 99, "frame": 0}
    merge_chunk(warehouse, old.spec, old.chunk(0, [frame(12, 2), frame(3, 1)]))
    merge_chunk(warehouse, run.spec, run.chunk(0, [frame(3, 1), frame(7, None), row("file:///a"), torn]))
    assert sorted(frame_revisions(warehouse, "old")) == [(3, 1, 2), (12, 2, 1)]
    assert frame_revisions(warehouse, "new") == [(3, 1, 2)]
    assert frame_revisions(warehouse, "nothing") == []


def test_whether_any_prediction_has_outlines(warehouse, night):
    run, boxes = night("masks"), night("boxes")
    merge_chunk(warehouse, run.spec, run.chunk(0, [frame(3, 1), frame(12, 2, polygons=[[]])]))
    merge_chunk(warehouse, boxes.spec, boxes.chunk(0, [frame(5, 0)]))
    assert has_polygons(warehouse, "masks")
    assert not has_polygons(warehouse, "boxes")
    assert not has_polygons(warehouse, "nothing")


def test_a_threshold_below_what_is_stored_is_refused_and_the_floor_named(warehouse, night):
    low, high = night("low", floor=0.1), night("high", floor=0.25)
    merge_chunk(warehouse, low.spec, low.chunk(0, [row("file:///a")]))
    merge_catalogue(warehouse, high.spec, catalogue([row("file:///a", "known")]))
    merge_chunk(warehouse, high.spec, high.chunk(0, [row("file:///b")]))
    assert stored_threshold(warehouse, "high", 0.25) == Thresholds(0.25)
    assert stored_threshold(warehouse, "low", 0.1) == Thresholds(0.1)
    assert stored_threshold(warehouse, "nothing", 0.0) == Thresholds(0.0)
    with pytest.raises(FirstpassError, match=r"threshold 0\.24 is below the floor 0\.25 of run high"):
        stored_threshold(warehouse, "high", 0.24)
    for wrong in (-0.1, 1.01, float("nan")):
        with pytest.raises(FirstpassError, match="threshold is"):
            stored_threshold(warehouse, "high", wrong)

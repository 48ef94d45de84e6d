"""Predictions come back as they were found, a few at a time, in one order."""

from __future__ import annotations

import numpy as np

from firstpass.warehouse.merge import merge_catalogue, merge_chunk
from firstpass.warehouse.predictions import predicted_tasks, read_predictions
from fixtures.made_up_runs import catalogue, row, unreadable


def frame(task: int | None, number: int | None, name: str = "", **other) -> dict:
    return row(name or f"cvat:task/{task}#{number}", task=task, frame=number, **other)


def names(warehouse, *arguments) -> list[str]:
    with warehouse:
        return [each.uri for each in read_predictions(warehouse, *arguments)]


def test_a_prediction_is_all_that_is_known_of_an_image(warehouse, night):
    run = night()
    shapes = [[[1.5, 2, 3, 4, 5, 6]], []]
    rows = [frame(3, 7, width=100, height=50, detections=2, polygons=shapes), row("file:///empty", "empty", 0)]
    merge_chunk(warehouse, run.spec, run.chunk(0, rows))
    with warehouse:
        first, empty = read_predictions(warehouse, "a run")
    assert (first.uri, first.task, first.frame, first.width, first.height) == ("cvat:task/3#7", 3, 7, 100, 50)
    assert (first.class_ids, first.scores, first.polygons) == ([1, 2], [0.875, 0.859375], shapes)
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
        (found,) = read_predictions(warehouse, "a run")
    assert (found.uri, len(found.scores)) == ("file:///known", 3)


def test_the_tasks_with_predictions_and_whether_any_has_outlines(warehouse, night):
    run, boxes, folder = night("masks"), night("boxes", threshold=0.5), night("folder", threshold=0.6)
    torn = unreadable("cvat:task/99#0") | {"task": 99, "frame": 0}
    outlined = frame(12, 2, polygons=[[[1, 2, 3, 4, 5, 6]]])
    merge_chunk(warehouse, run.spec, run.chunk(0, [outlined, frame(12, 1, polygons=[[]]), frame(3, 1), torn]))
    merge_chunk(warehouse, boxes.spec, boxes.chunk(0, [frame(5, 0), frame(5, 1), frame(7, None)]))
    merge_chunk(warehouse, folder.spec, folder.chunk(0, [row("file:///a", polygons=[[]]), frame(None, 1, "odd")]))
    assert predicted_tasks(warehouse, "masks") == ((3, 12), True)
    assert predicted_tasks(warehouse, "boxes") == ((5,), False)
    assert predicted_tasks(warehouse, "folder") == ((), False)
    assert predicted_tasks(warehouse, "nothing") == ((), False)

"""Polygons are held against what CVAT and people can use."""

from __future__ import annotations

import math

import pytest

from firstpass.quality.checks import check_run
from firstpass.settings import settings
from fixtures.made_up_runs import row

SQUARE = [10.0, 10.0, 100.0, 10.0, 100.0, 100.0, 10.0, 100.0]
HOLE = [20.0, 20.0, 40.0, 20.0, 40.0, 40.0]
SPIKE = [10.0, 10.0, 100.0, 10.0, 60.0, 90.0, 60.0, 0.0, 20.0, 90.0]
TRIANGLE = [0.0, 0.0, 640.0, 0.0, 320.0, 480.0]


@pytest.fixture(autouse=True)
def only_polygons(only):
    only("polygons")


# Image → the parts of its one detection, an outer ring and the holes in it each, and the expectation that they break.
SHAPES = {
    "square.jpg": ([[SQUARE]], None),
    "two parts.jpg": ([[SQUARE], [TRIANGLE]], None),
    "bow tie.jpg": ([[[10.0, 10.0, 100.0, 100.0, 100.0, 10.0, 10.0, 100.0]]], "polygon_crosses_itself"),
    "spike.jpg": ([[SQUARE], [SPIKE]], "polygon_crosses_itself"),
    "touching.jpg": (
        [[[0.0, 0.0, 50.0, 50.0, 100.0, 0.0, 100.0, 100.0, 50.0, 50.0, 0.0, 90.0]]],
        "polygon_crosses_itself",
    ),
    "line.jpg": ([[[10.0, 10.0, 20.0, 20.0]]], "polygon_broken"),
    "no number.jpg": ([[[10.0, 10.0, math.nan, 10.0, 20.0, 30.0]]], "polygon_broken"),
    "half a point.jpg": ([[[10.0, 10.0, 20.0, 20.0, 30.0, 15.0, 9.0]]], "polygon_broken"),
    "right of it.jpg": ([[[10.0, 10.0, 700.0, 10.0, 100.0, 100.0]]], "polygon_outside_image"),
    "below it.jpg": ([[[10.0, 10.0, 100.0, 10.0, 100.0, 481.0]]], "polygon_outside_image"),
    "a hole.jpg": ([[SQUARE, HOLE], [TRIANGLE]], None),
    "a hole that is a spike.jpg": ([[TRIANGLE], [SQUARE, HOLE, SPIKE]], "polygon_crosses_itself"),
    "a hole that is a line.jpg": ([[SQUARE, HOLE, [10.0, 10.0, 20.0, 20.0]]], "polygon_broken"),
    "a hole outside.jpg": ([[SQUARE, [10.0, 10.0, 100.0, 10.0, 100.0, 481.0]]], "polygon_outside_image"),
    "a hole across its edge.jpg": ([[SQUARE, [0.0, 50.0, 50.0, 50.0, 50.0, 60.0]]], None),
    "none.jpg": ([], "polygon_missing"),
}


def test_each_fault_is_found_and_nothing_else(finished_run):
    rows = [row(f"file:///{name}", polygons=[parts]) for name, (parts, _) in SHAPES.items()]
    verdict = check_run(finished_run(rows).run_id)
    assert verdict.state == "failed"
    found = {r.expectation: r.observed for r in verdict.results if r.suite == "polygons"}
    for expectation, observed in found.items():
        guilty = {name for name, (_, broken) in SHAPES.items() if broken == expectation}
        count, _, names = observed.partition(": ")
        assert count == f"{len(guilty)} of {len(SHAPES)} images"
        assert set(names.split(", ")) == guilty


def test_crossing_edges_are_a_warning_and_sought_in_a_bounded_number(finished_run, monkeypatch):
    rows = [row(f"file:///{n}.jpg", polygons=[SHAPES["bow tie.jpg"][0]]) for n in range(4)]
    monkeypatch.setenv("FIRSTPASS_CHECK_POLYGONS", "3")
    spec = finished_run(rows)
    settings.cache_clear()
    verdict = check_run(spec.run_id)
    assert verdict.state == "warnings"
    assert [r.value for r in verdict.failures] == [3]


def test_a_model_without_masks_is_not_asked(finished_run):
    verdict = check_run(finished_run([row("file:///a.jpg")]).run_id)
    assert {r.observed for r in verdict.results if r.suite == "polygons"} == {"nothing to look at in this run"}

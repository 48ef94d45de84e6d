"""A run beside the one before it, line by line."""

from __future__ import annotations

import pytest

from firstpass.contracts.thresholds import Thresholds
from firstpass.report.comparison import Change, changes
from firstpass.warehouse.catalogue_merge import merge_catalogue
from firstpass.warehouse.merge import merge_chunk
from fixtures.made_up_runs import VERSION, catalogue, row, unreadable


def photos(ok: int = 0, empty: int = 0, torn: int = 0, detections: int = 1) -> list[dict]:
    return [
        *(row(f"file:///ok/{n}", detections=detections) for n in range(ok)),
        *(row(f"file:///empty/{n}", "empty", 0) for n in range(empty)),
        *(unreadable(f"file:///torn/{n}") for n in range(torn)),
    ]


@pytest.fixture
def inferred(warehouse, night):
    """`inferred("name", rows, …)`: a run that inferred these rows in one chunk of 1.5 seconds, and knew others."""

    def infer(name: str, rows: list[dict], known: int = 0, **other):
        run = night(name, **other)
        merge_catalogue(warehouse, run.spec, catalogue([row(f"file:///known/{n}", "known") for n in range(known)]))
        if rows:
            merge_chunk(warehouse, run.spec, run.chunk(0, rows))
        return run.spec

    return infer


def test_the_first_run_has_nothing_beside_it(warehouse, inferred):
    inferred("first", photos(ok=1))
    assert changes(warehouse, "first") == (None, [])


def test_every_line_in_its_order_with_both_values(warehouse, inferred):
    earlier = inferred("earlier", photos(ok=3, empty=1, torn=1, detections=2), thresholds=Thresholds(0.25))
    inferred("now", photos(ok=1, empty=1, torn=3, detections=5))
    since, told = changes(warehouse, "now")
    assert since.isoformat() == earlier.started_at
    assert told == [
        Change("Model", VERSION.ref, VERSION.ref, "text"),
        Change("Threshold", 0.3, 0.25, "number"),
        Change("Images inferred", 2, 4, "number"),
        Change("Drafts per image", 2.5, 1.5, "rate"),
        Change("Without a draft", 0.5, 0.25, "percent"),
        Change("Unreadable", 0.6, 0.2, "percent"),
        Change("Images/s per worker", pytest.approx(5 / 1.5), pytest.approx(5 / 1.5), "rate"),
    ]


def test_only_runs_over_the_same_images_are_beside_each_other(warehouse, inferred):
    inferred("earlier", photos(ok=3), images="/old")
    inferred("now", photos(ok=1))
    assert changes(warehouse, "now") == (None, [])


def test_what_is_divided_by_nothing_is_unknown(warehouse, inferred):
    inferred("earlier", photos(torn=2))
    inferred("now", [])
    told = {change.label: (change.now, change.before) for change in changes(warehouse, "now")[1]}
    assert told["Images inferred"] == (0, 0)
    assert told["Drafts per image"] == told["Without a draft"] == (None, None)
    assert told["Unreadable"] == (None, 1)
    assert told["Images/s per worker"] == (None, pytest.approx(2 / 1.5))


def test_known_images_count_neither_as_inferred_nor_as_drafts(warehouse, inferred):
    """They do count among the images of which some could not be read."""
    inferred("earlier", photos(ok=2))
    inferred("now", photos(ok=1, torn=1, detections=4), known=2)
    told = {change.label: change.now for change in changes(warehouse, "now")[1]}
    assert (told["Images inferred"], told["Drafts per image"], told["Unreadable"]) == (1, 4, 0.25)


def test_a_night_without_news_is_passed_over(warehouse, inferred):
    first = inferred("first", photos(ok=3))
    inferred("idle", [], known=3)
    inferred("now", photos(ok=1))
    since, told = changes(warehouse, "now")
    assert since.isoformat() == first.started_at
    assert told[2] == Change("Images inferred", 1, 3, "number")


def test_later_runs_change_nothing(warehouse, inferred):
    inferred("first", photos(ok=1))
    inferred("second", photos(ok=2))
    told = changes(warehouse, "second")
    inferred("third", photos(ok=3))
    assert changes(warehouse, "second") == told
    assert changes(warehouse, "first") == (None, [])

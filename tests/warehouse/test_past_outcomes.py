"""Standing outcomes: those that no kept run sees go, and what a kept run sees stays as it is."""

from __future__ import annotations

import pytest

from firstpass.warehouse.past_outcomes import count_past, prune_past, series_of
from firstpass.warehouse.runs import finish_run
from fixtures.made_up_runs import query, row, unreadable


@pytest.fixture
def nights(warehouse, finished_run):
    """Three nights: an image that is broken in the first two and then whole, one that is known, and one that goes."""
    known = [row("file:///known", "known", 0), row("file:///gone", "known", 0)]
    finished_run([], [*known, unreadable("file:///broken")])
    finished_run([], [known[0], unreadable("file:///broken")])
    finished_run([], [known[0], unreadable("file:///broken", "the file ends early")])
    for number in (1, 2, 3):
        finish_run(warehouse, f"run {number}", "success")


def seen(warehouse, run_id: str) -> list[tuple]:
    return query(warehouse, "SELECT uri, outcome, reason FROM run_images WHERE run_id = %s ORDER BY 1", run_id)


def test_what_ended_before_the_oldest_listing_goes(warehouse, nights):
    (series,) = series_of(warehouse, ["run 1", "run 2"])
    kept = seen(warehouse, "run 2"), seen(warehouse, "run 3")
    assert prune_past(warehouse, [series]) == 0
    assert count_past(warehouse, [series], ["run 1"]) == 1
    query(warehouse, "DELETE FROM listings WHERE run_id = 'run 1'")
    assert prune_past(warehouse, [series]) == 1
    assert (seen(warehouse, "run 2"), seen(warehouse, "run 3")) == kept
    assert count_past(warehouse, [series], ["run 2"]) == 1
    query(warehouse, "DELETE FROM listings WHERE run_id = 'run 2'")
    assert prune_past(warehouse, [series]) == 1
    assert seen(warehouse, "run 3") == kept[1]


def test_a_series_without_a_run_loses_all_and_its_next_run_has_all(warehouse, nights, finished_run):
    (series,) = series_of(warehouse, ["run 3"])
    runs = ["run 1", "run 2", "run 3"]
    assert count_past(warehouse, [series], runs) == 4
    before = seen(warehouse, "run 3")
    query(warehouse, "DELETE FROM listings")
    assert prune_past(warehouse, [series]) == 4
    assert query(warehouse, "SELECT * FROM standing_outcomes") == []
    finished_run([], [row("file:///known", "known", 0), unreadable("file:///broken", "the file ends early")])
    assert seen(warehouse, "run 4") == before


def test_there_may_be_no_series(warehouse):
    assert series_of(warehouse, ["unknown"]) == []
    assert (count_past(warehouse, [], []), prune_past(warehouse, [])) == (0, 0)

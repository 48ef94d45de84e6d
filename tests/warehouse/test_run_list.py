"""The list of runs: newest first, page by page, and what is searched for."""

from __future__ import annotations

import pytest

from firstpass.contracts.verdict import CheckResult, CheckState, QualityVerdict
from firstpass.warehouse.merge import merge_chunk
from firstpass.warehouse.run_list import PAGE, ListedRun, list_runs
from firstpass.warehouse.runs import finish_run
from firstpass.warehouse.verdicts import store_verdict
from fixtures.made_up_runs import VERSION, row


def ids(found) -> list[str]:
    return [run.run_id for run in found[0]]


def test_a_run_is_listed_with_its_verdict_once_it_was_checked(warehouse, night):
    run = night("checked", images="/photos/night")
    merge_chunk(warehouse, run.spec, run.chunk(0, [row("file:///a", detections=3), row("file:///b", "empty", 0)]))
    finish_run(warehouse, "checked", "partial")
    drifted = CheckResult("drift", "class_drift", "warning", CheckState.FAILS, "0.5", 0.5, "s")
    store_verdict(warehouse, QualityVerdict("checked", (drifted,)))
    night("open")
    unchecked, checked = list_runs(warehouse)[0]
    assert (unchecked.run_id, unchecked.state) == ("open", "running")
    assert (unchecked.verdict, unchecked.images, unchecked.drafts, unchecked.drift) == (None,) * 4
    assert checked == ListedRun(
        *("checked", checked.started_at, VERSION.ref, "/photos/night", "partial", "warnings", 2, 3, 0.5),
        *((), None, None, (), None),
    )
    assert checked.started_at.isoformat() == run.spec.started_at


def test_the_newest_comes_first_and_of_one_moment_the_first_id(warehouse, night):
    night("old")
    for name in ("c", "a", "b"):
        night(name, started_at="2026-02-05T02:00:00+00:00")
    assert ids(list_runs(warehouse)) == ["a", "b", "c", "old"]


def test_pages_follow_each_other_and_the_last_one_says_so(warehouse, night):
    for number in range(5):
        night(f"run {number}")
    pages = [list_runs(warehouse, page=page, size=2) for page in range(4)]
    assert [ids(page) for page in pages] == [["run 4", "run 3"], ["run 2", "run 1"], ["run 0"], []]
    assert [more for _, more in pages] == [True, True, False, False]
    assert list_runs(warehouse, size=5)[1] is False


def test_a_page_has_fifty_runs(warehouse, night):
    for number in range(PAGE + 1):
        night(f"run {number:02d}", started_at="2026-02-01T02:00:00+00:00")
    found, more = list_runs(warehouse)
    assert (len(found), found[-1].run_id, more) == (50, "run 49", True)


@pytest.mark.parametrize("text", ["NIGHT", "toy@0123", "/PHOTOS", "Partial", "warn", "2026-02-01", "night toy@"])
def test_everything_that_a_row_says_is_searched(warehouse, night, text):
    night("night")
    finish_run(warehouse, "night", "partial")
    failed = CheckResult("run", "speed", "warning", CheckState.FAILS, "0.1", 0.1, "s")
    store_verdict(warehouse, QualityVerdict("night", (failed,)))
    night("day", images="/other", started_at="2026-03-01T02:00:00+00:00")
    assert "night" in ids(list_runs(warehouse, text))
    assert ids(list_runs(warehouse, text + "x")) == []
    assert ids(list_runs(warehouse, "day")) == ["day"]


@pytest.mark.parametrize("text", ["100%", "a_b", "a\\b", "%", "_", "\\"])
def test_signs_mean_themselves(warehouse, night, text):
    night("100 axb ab")
    assert list_runs(warehouse, text) == ([], False)
    night(f"odd {text}")
    assert ids(list_runs(warehouse, text)) == [f"odd {text}"]
    assert ids(list_runs(warehouse)) == [f"odd {text}", "100 axb ab"]

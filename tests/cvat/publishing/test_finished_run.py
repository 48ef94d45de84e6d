"""Which runs may be published, and which are rivals."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from psycopg2.extensions import connection

from firstpass.contracts.class_table import ClassTable, ModelClass
from firstpass.contracts.verdict import CheckResult, QualityVerdict
from firstpass.cvat.publishing.finished_run import FinishedRun, load_finished_run
from firstpass.errors import FirstpassError
from firstpass.warehouse.verdicts import store_verdict
from fixtures.cvat_runs import Night, boxes

PART = [1.0, 1.0, 9.0, 1.0, 9.0, 9.0]


def critical(name: str, success: bool = False, severity: str = "critical", suite: str = "detections") -> CheckResult:
    return CheckResult(suite, name, severity, success, f"{name}: 3 are not", None, f"{name} holds")


def test_what_publishing_needs_of_a_run(warehouse: connection) -> None:
    found = {0: boxes(0), 1: [], 2: boxes(2)}
    Night("a run", 12, found, images_uri="cvat:task/12?policy=empty", polygons={0: 3 * [[PART]]}).save(warehouse)
    run = load_finished_run(warehouse, "a run")
    assert (run.id, run.model, run.settings_hash, run.policy, run.tasks) == (
        "a run", "toy@aaaaaaaaaaaa", "111111111111", "empty", (12,),
    )  # fmt: skip
    assert run.outlines is True
    assert run.classes == ClassTable((ModelClass(1, "person"), ModelClass(2, "car"), ModelClass(3, "traffic light")))
    assert run.rank == (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC))
    assert load_finished_run(warehouse, "latest") == run


def test_a_network_without_masks_gives_no_outlines(warehouse: connection) -> None:
    Night("a run", 12, {0: boxes(0)}).save(warehouse)
    run = load_finished_run(warehouse, "a run")
    assert (run.outlines, run.policy) == (False, "new")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"images_uri": "/photos"}, "is about /photos, not about CVAT"),
        ({"images_uri": "s3://b/cvat:"}, "not about CVAT"),
        ({"state": "running"}, "is running"),
        ({"state": "failed"}, "is failed"),
        ({"checked": False}, "was never checked"),
    ],
)
def test_runs_that_cannot_be_published(warehouse: connection, options: dict, problem: str) -> None:
    Night("a run", 12, {0: boxes(0)}, **options).save(warehouse)
    with pytest.raises(FirstpassError, match=problem):
        load_finished_run(warehouse, "a run")


def test_a_run_that_there_is_not(warehouse: connection) -> None:
    with pytest.raises(FirstpassError, match="no run 'none'"):
        load_finished_run(warehouse, "none")


def test_a_run_some_of_whose_images_failed_is_published(warehouse: connection) -> None:
    Night("a run", 12, {0: boxes(0)}, state="partial").save(warehouse)
    assert load_finished_run(warehouse, "a run").tasks == (12,)


def test_critical_checks_hold_a_run_back_and_the_first_by_name_is_told(warehouse: connection) -> None:
    Night("a run", 12, {0: boxes(0)}).save(warehouse)
    results = (critical("box_inside"), critical("area", suite="run"), critical("a_warning", severity="warning"))
    store_verdict(warehouse, QualityVerdict("a run", results))
    with pytest.raises(FirstpassError, match=r"failed 2 critical checks: area holds \(area: 3 are not\)"):
        load_finished_run(warehouse, "a run")
    assert load_finished_run(warehouse, "a run", unchecked=True).id == "a run"


def test_warnings_hold_nothing_back(warehouse: connection) -> None:
    Night("a run", 12, {0: boxes(0)}).save(warehouse)
    held = (critical("empty_rate", severity="warning"), critical("box_inside", success=True))
    store_verdict(warehouse, QualityVerdict("a run", held))
    assert load_finished_run(warehouse, "a run").id == "a run"


def test_unchecked_lets_a_run_through_that_was_never_checked_and_no_other(warehouse: connection) -> None:
    Night("hasty", 12, {0: boxes(0)}, checked=False).save(warehouse)
    assert load_finished_run(warehouse, "hasty", unchecked=True).id == "hasty"
    Night("early", 12, {0: boxes(0)}, state="running").save(warehouse)
    with pytest.raises(FirstpassError, match="is running"):
        load_finished_run(warehouse, "early", unchecked=True)


@pytest.mark.parametrize(
    ("model", "settings_hash", "rival"),
    [
        ("toy@2", "s", True),
        ("toy@1", "t", True),
        ("toy@2", "t", True),
        ("toy@1", "s", False),
        ("faces@2", "s", False),
        ("toys@1", "t", False),
    ],
)
def test_rivals_are_other_versions_and_settings_of_the_same_model(model: str, settings_hash: str, rival: bool) -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    run = FinishedRun("a run", "toy@1", "s", ClassTable(()), False, "new", (12,), (moment, moment))
    assert run.version == ("toy@1", "s")
    assert run.is_rival(model, settings_hash) is rival

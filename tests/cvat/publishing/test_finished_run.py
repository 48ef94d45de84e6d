"""Which runs may be published, and which are rivals."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from psycopg2.extensions import connection

from firstpass.contracts.class_table import ClassTable, ModelClass
from firstpass.contracts.thresholds import Thresholds
from firstpass.contracts.verdict import CheckResult, CheckState, QualityVerdict
from firstpass.cvat.publishing.finished_run import load_finished_run
from firstpass.errors import FirstpassError
from firstpass.warehouse.connection import transaction
from firstpass.warehouse.predictions import read_drafts
from firstpass.warehouse.verdicts import store_verdict
from fixtures.cvat_runs import Night, boxes

RING = [1.0, 1.0, 9.0, 1.0, 9.0, 9.0]


def critical(name: str, success: bool = False, severity: str = "critical", suite: str = "detections") -> CheckResult:
    state = CheckState.HOLDS if success else CheckState.FAILS
    return CheckResult(suite, name, severity, state, f"{name}: 3 are not", None, f"{name} holds")


def test_what_publishing_needs_of_a_run(warehouse: connection) -> None:
    found = {0: boxes(0), 1: [], 2: boxes(2)}
    Night("a run", 12, found, images_uri="cvat:task/12?policy=empty", polygons={0: 3 * [[[RING]]]}).save(warehouse)
    run = load_finished_run(warehouse, "a run")
    assert (run.id, run.model, run.thresholds, run.policy, run.tasks) == (
        "a run", "toy@aaaaaaaaaaaa", Thresholds(0.3), "empty", [12],
    )  # fmt: skip
    assert sorted(run.frames) == [(12, 0, 2), (12, 1, 2), (12, 2, 2)]
    assert run.outlines is True
    assert run.classes == ClassTable((ModelClass(1, "person"), ModelClass(2, "car"), ModelClass(3, "traffic light")))
    assert run.rank == (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC))
    assert load_finished_run(warehouse, "latest") == run


def test_a_night_of_known_frames_has_them_all(warehouse: connection) -> None:
    """Frames that its catalogue knows have no rows of its own, and are published with what the first night found."""
    found = {0: boxes(0), 1: [], 2: boxes(2)}
    first = Night("first", 12, found)
    first.save(warehouse)
    Night("second", 12, {}, started_at="2026-02-02").save(warehouse)
    with transaction(warehouse) as cur:
        cur.execute("INSERT INTO series (source, model) SELECT source, model FROM runs WHERE run_id = 'second'")
        cur.execute("INSERT INTO listings SELECT 'second', series, 1, 3, 0, 0 FROM series")
        cur.execute(
            "INSERT INTO standing_outcomes (series, uri, since, outcome, sha256, width, height, task, frame)"
            " SELECT series, uri, 1, 'known', sha256, width, height, task, frame FROM outcomes, series"
        )
    known, inferred = (load_finished_run(warehouse, run_id) for run_id in ("second", "first"))
    assert (known.tasks, sorted(known.frames)) == ([12], sorted(inferred.frames))
    with transaction(warehouse):
        first_drafts, drafts = (
            [(each.frame, each.scores) for each in read_drafts(warehouse, run_id, known.thresholds)]
            for run_id in ("first", "second")
        )
    assert drafts == first_drafts
    assert len(drafts) == 3


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
    assert load_finished_run(warehouse, "a run").tasks == [12]


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


def test_tasks_come_in_order_and_each_once(warehouse: connection) -> None:
    Night("a run", 13, {0: boxes(0), 1: []}).save(warehouse)
    with warehouse, warehouse.cursor() as cur:
        cur.execute("UPDATE outcomes SET task = 2 WHERE frame = 1")
    assert load_finished_run(warehouse, "a run").tasks == [2, 13]


def test_drafts_are_known_by_frame_version_thresholds_and_the_revision_that_made_them(warehouse: connection) -> None:
    Night("a run", 12, {0: boxes(0), 1: [], 5: boxes(5)}).save(warehouse)
    with warehouse, warehouse.cursor() as cur:
        cur.execute("UPDATE outcomes SET task = 13 WHERE frame = 5")
        cur.execute("UPDATE predictions SET revision = 1 WHERE cardinality(scores) = 0")
    run = load_finished_run(warehouse, "a run")
    older, now = Thresholds(0.3).digest(1), Thresholds(0.3).digest(2)
    assert run.key(7, 2) == (7, "toy@aaaaaaaaaaaa", now)
    assert run.keys_in(12) == {(0, run.model, now), (1, run.model, older)}
    assert run.keys_in(13) == {(5, run.model, now)}
    assert run.keys_in(14) == frozenset()


def test_a_class_may_have_a_threshold_of_its_own(warehouse: connection) -> None:
    Night("a run", 12, {0: boxes(0)}).save(warehouse)
    with warehouse, warehouse.cursor() as cur:
        cur.execute('UPDATE runs SET spec = spec || \'{"class_thresholds": {"2": 0.6}}\'')
    assert load_finished_run(warehouse, "a run").thresholds == Thresholds(0.3, {2: 0.6})
    assert load_finished_run(warehouse, "a run", threshold=0.4).thresholds == Thresholds(0.4), "it is for all classes"


@pytest.mark.parametrize("threshold", [0.15, 0.2, 0.3, 1.0])
def test_another_threshold_may_be_as_low_as_the_floor(warehouse: connection, threshold: float) -> None:
    Night("a run", 12, {0: boxes(0)}, floor=0.15).save(warehouse)
    run = load_finished_run(warehouse, "a run", threshold=threshold)
    assert run.thresholds == Thresholds(threshold)
    assert run.key(0, 2) == (0, run.model, Thresholds(threshold).digest(2))


@pytest.mark.parametrize("threshold", [0.0, 0.1, 0.1499])
def test_a_threshold_below_what_is_stored_is_refused_and_the_floor_named(
    warehouse: connection, threshold: float
) -> None:
    Night("a run", 12, {0: boxes(0)}, floor=0.15).save(warehouse)
    with pytest.raises(FirstpassError, match=f"threshold {threshold:g} is below the floor 0.15 of run a run") as raised:
        load_finished_run(warehouse, "a run", threshold=threshold)
    assert f"firstpass run --threshold {threshold:g}" in raised.value.fix


@pytest.mark.parametrize("threshold", [-0.01, 1.01, float("nan")])
def test_a_threshold_that_is_no_score_is_refused(warehouse: connection, threshold: float) -> None:
    Night("a run", 12, {0: boxes(0)}).save(warehouse)
    with pytest.raises(FirstpassError, match="give a number from 0 to 1"):
        load_finished_run(warehouse, "a run", threshold=threshold)

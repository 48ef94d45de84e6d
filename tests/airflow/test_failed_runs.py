"""A run that was killed, timed out, or never recorded is failed in the warehouse too, once Airflow says so."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from firstpass.airflow.failed_runs import record_failure
from firstpass.contracts.run_error import RunError
from firstpass.settings import settings
from firstpass.warehouse.run_failures import begin_stage
from firstpass.warehouse.run_list import list_runs


def context(**other):
    return {"run_id": "a run", "reason": "task_failure", "ti": SimpleNamespace(task_id="merge")} | other


def found(warehouse):
    (run,), _ = list_runs(warehouse)
    return run


def test_a_killed_task_is_told_with_the_stage_that_was_under_way(warehouse, night):
    night("a run")
    begin_stage(warehouse, "a run", "resolve_model")
    record_failure(context())
    run = found(warehouse)
    assert run.state == "failed"
    assert run.error.stage == "resolve_model"
    assert "killed" in run.error.problem
    assert "see the log" in run.error.fix


def test_a_run_whose_time_was_up_says_so(warehouse, night):
    night("a run")
    record_failure(context(reason="timed_out", ti=SimpleNamespace(task_id="infer")))
    assert (found(warehouse).error.stage, found(warehouse).error.problem) == (
        "infer",
        "the run took longer than a run may, and was ended",
    )


def test_what_the_stage_left_word_of_in_storage_is_the_reason(warehouse, night):
    night("a run")
    RunError("check", "the disk is full", "free space").save("a run")
    record_failure(context())
    assert found(warehouse).error == RunError("check", "the disk is full", "free space")


@pytest.mark.parametrize(
    ("more", "asked"),
    [
        ({"params": {"images": "/a", "model": "pets"}}, ("/a", "pets")),
        ({"dag_run": SimpleNamespace(conf={"images": "/b"})}, ("/b", "toys")),
        ({"dag_run": SimpleNamespace(conf=None)}, ("/usual", "toys")),
        ({}, ("/usual", "toys")),
    ],
)
def test_a_run_that_was_never_recorded_is_with_what_was_asked_for(warehouse, storage_home, monkeypatch, more, asked):
    monkeypatch.setenv("FIRSTPASS_IMAGES", "/usual")
    monkeypatch.setenv("FIRSTPASS_MODEL", "toys")
    settings.cache_clear()
    record_failure(context(**more))
    run = found(warehouse)
    assert (run.run_id, run.state, (run.images_uri, run.model)) == ("a run", "failed", asked)


def test_a_warehouse_that_is_away_is_logged_and_stops_nothing(storage_home, monkeypatch, caplog):
    monkeypatch.setenv("FIRSTPASS_WAREHOUSE_DSN", "postgresql://nobody:geheim@no-such-host.invalid/x")
    settings.cache_clear()
    record_failure(context())
    assert "run a run could not be recorded as failed" in caplog.text
    assert "geheim" not in caplog.text

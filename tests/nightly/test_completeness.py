"""The last word on a run: complete, in part, failed, or never closed because its task was killed."""

from __future__ import annotations

import pytest

from firstpass.contracts.run_error import RunError
from firstpass.errors import FirstpassError
from firstpass.nightly.completeness import confirm_complete
from firstpass.warehouse.merge import fail_chunk, merge_chunk
from firstpass.warehouse.run_failures import begin_stage, fail_run
from firstpass.warehouse.run_list import list_runs
from firstpass.warehouse.runs import finish_run, record_stage
from fixtures.made_up_runs import row

ASKED = {"images": "/photos", "model": "toy"}
DONE = {"resolve_model": "success", "merge": "success", "check": "success", "report": "success", "infer": "skipped"}


def confirm(**states: str | None) -> None:
    confirm_complete("a run", ASKED, lambda: DONE | states)


def found(warehouse):
    (run,), _ = list_runs(warehouse)
    return run


def test_a_complete_run_is_passed_over(warehouse, night):
    run = night("a run")
    merge_chunk(warehouse, run.spec, run.chunk(0, [row("file:///a")]))
    finish_run(warehouse, "a run", "success")
    confirm()
    assert (found(warehouse).state, found(warehouse).error) == ("success", None)


def test_a_run_in_part_is_raised_and_stays_one(warehouse, night):
    run = night("a run")
    merge_chunk(warehouse, run.spec, run.chunk(0, [row("file:///a")]))
    fail_chunk(warehouse, run.spec, run.chunk(1, [row("file:///b")], write=False), "the node died")
    finish_run(warehouse, "a run", "partial")
    with pytest.raises(FirstpassError, match=r"not complete: 1 image failed\. First: file:///b: the node died"):
        confirm(infer_1="failed")
    assert found(warehouse).state == "partial"


def test_a_run_whose_task_was_killed_is_closed_with_its_name(warehouse, night):
    night("a run")
    record_stage(warehouse, "a run", "merge", 1.0)
    begin_stage(warehouse, "a run", "check")
    with pytest.raises(FirstpassError, match="check: the task check left no word"):
        confirm(check="failed", report="upstream_failed", infer_0="failed")
    run = found(warehouse)
    assert (run.state, run.stage, run.error.stage) == ("failed", "check", "check")
    assert "killed" in run.error.problem


def test_a_task_that_was_killed_before_it_could_say_that_it_began_is_named_by_airflow(warehouse, storage_home):
    with pytest.raises(FirstpassError, match="the task resolve_model left no word"):
        confirm(resolve_model="failed", merge="failed", check="upstream_failed", report="upstream_failed")
    run = found(warehouse)
    assert (run.run_id, run.state, run.images_uri, run.model) == ("a run", "failed", "/photos", "toy")


def test_a_report_that_was_killed_after_the_run_was_closed_is_a_failure(warehouse, night):
    night("a run")
    begin_stage(warehouse, "a run", "report")
    finish_run(warehouse, "a run", "success")
    with pytest.raises(FirstpassError, match="the task report left no word"):
        confirm(report="failed")
    assert found(warehouse).state == "failed"


def test_the_reason_that_a_stage_left_stays(warehouse, night):
    night("a run")
    word = RunError("merge", "the disk is full", "free space")
    fail_run(warehouse, "a run", word)
    with pytest.raises(FirstpassError, match=r"the run failed\. merge: the disk is full") as error:
        confirm(merge="failed")
    assert error.value.fix == "free space"
    assert found(warehouse).error == word


def test_the_reason_that_reached_storage_alone_is_the_reason(warehouse, night):
    night("a run")
    begin_stage(warehouse, "a run", "check")
    RunError("check", "the warehouse is away", "bring it back").save("a run")
    with pytest.raises(FirstpassError, match="the warehouse is away"):
        confirm(check="failed")


def test_a_run_that_was_marked_as_done_is_not(warehouse, night):
    night("a run")
    record_stage(warehouse, "a run", "merge", 1.0)
    with pytest.raises(FirstpassError, match="marked as done"):
        confirm()
    assert found(warehouse).state == "failed"


@pytest.mark.parametrize("state", ["running", "up_for_retry", "queued", "restarting", "deferred", None])
def test_a_task_that_was_cleared_and_goes_on_is_not_taken_for_killed(warehouse, night, state):
    night("a run")
    begin_stage(warehouse, "a run", "check")
    with pytest.raises(FirstpassError, match="under way again: check"):
        confirm(check=state)
    assert found(warehouse).state == "running"

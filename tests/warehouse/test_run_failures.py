"""Runs that fail are recorded before anything can, and keep the reason until it is put right."""

from __future__ import annotations

import pytest

from firstpass.contracts.run_error import RunError
from firstpass.errors import FirstpassError
from firstpass.warehouse.model_versions import models_in_use
from firstpass.warehouse.run_failures import (
    begin_stage,
    fail_run,
    fail_silent_runs,
    failure_of,
    record_lost_run,
    record_request,
)
from firstpass.warehouse.run_list import list_runs, newer_failure
from firstpass.warehouse.runs import find_run, finish_run, load_run, load_runs, record_stage
from fixtures.made_up_runs import VERSION, query

DISK = RunError("merge", "the disk is full", "free space")
KILLED = RunError("merge", "it was killed", "see the log")
ASKED = {"images": "/photos", "model": "toy"}


def ask(conn, run_id: str = "a run", **other) -> None:
    asked = ASKED | other
    record_request(conn, run_id, asked["images"], asked["model"], asked)


def state(conn, run_id: str = "a run") -> tuple:
    return query(conn, "SELECT state, stage, finished_at IS NOT NULL FROM runs WHERE run_id = %s", run_id)[0]


def test_what_was_asked_for_is_recorded_as_it_came(warehouse):
    ask(warehouse, images="/no\0where/", threshold=[40, "\ud800"], model="toy@x")
    found = query(warehouse, "SELECT model, asked_model, images_uri, source, spec, state FROM runs")
    assert found == [
        (
            None,
            "toy@x",
            "/no\N{REPLACEMENT CHARACTER}where/",
            "/no\N{REPLACEMENT CHARACTER}where",
            {"images": "/no\N{REPLACEMENT CHARACTER}where/", "model": "toy@x", "threshold": [40, "?"]},
            "running",
        )
    ]


def test_a_run_that_is_there_keeps_what_it_has(warehouse, night):
    """Its drafts are read with its thresholds: asking again must not take them away."""
    night("a run")
    ask(warehouse, images="/elsewhere")
    assert query(warehouse, "SELECT model, threshold IS NULL, images_uri FROM runs") == [
        (VERSION.ref, False, "/photos")
    ]  # fmt: skip


def test_a_stage_is_under_way_until_it_ends(warehouse, night):
    night("a run")
    begin_stage(warehouse, "a run", "merge")
    assert state(warehouse) == ("running", "merge", False)
    record_stage(warehouse, "a run", "merge", 1)
    assert state(warehouse) == ("running", None, False)


def test_the_reason_stays_while_it_is_tried_again_and_goes_when_it_works(warehouse, night):
    night("a run")
    fail_run(warehouse, "a run", DISK)
    assert (state(warehouse)[0], failure_of(warehouse, "a run")) == ("failed", DISK)
    begin_stage(warehouse, "a run", "merge")
    assert (state(warehouse), failure_of(warehouse, "a run")) == (("running", "merge", False), DISK)
    record_stage(warehouse, "a run", "merge", 1)
    assert failure_of(warehouse, "a run") is None


class TestLostRuns:
    """Airflow says that a run failed: it is closed, and recorded where it is not even there."""

    def test_one_that_was_killed_fails_at_the_stage_that_was_under_way(self, warehouse, night):
        night("a run")
        begin_stage(warehouse, "a run", "catalogue_images")
        record_lost_run(warehouse, "a run", KILLED, ASKED)
        assert state(warehouse) == ("failed", "catalogue_images", True)
        assert failure_of(warehouse, "a run") == RunError("catalogue_images", "it was killed", "see the log")

    def test_one_that_was_killed_in_no_stage_of_ours_fails_at_the_task(self, warehouse, night):
        night("a run")
        record_lost_run(warehouse, "a run", KILLED, ASKED)
        assert failure_of(warehouse, "a run") == KILLED

    def test_a_reason_of_its_own_is_better_than_a_guess(self, warehouse, night):
        night("a run")
        fail_run(warehouse, "a run", DISK)
        record_lost_run(warehouse, "a run", KILLED, ASKED)
        assert failure_of(warehouse, "a run") == DISK

    def test_one_that_was_never_recorded_is(self, warehouse):
        record_lost_run(warehouse, "a run", KILLED, ASKED)
        (found,), _ = list_runs(warehouse)
        assert (found.run_id, found.state, found.error, found.model) == ("a run", "failed", KILLED, "toy")

    @pytest.mark.parametrize("ended", ["success", "partial"])
    def test_one_that_ended_keeps_its_end(self, warehouse, night, ended):
        night("a run")
        finish_run(warehouse, "a run", ended)
        record_lost_run(warehouse, "a run", KILLED, ASKED)
        assert (state(warehouse)[0], failure_of(warehouse, "a run")) == (ended, None)


def test_a_run_that_nothing_was_heard_of_for_a_day_has_failed(warehouse, night):
    for name in ("silent", "lately begun", "chunk lately", "ended"):
        night(name)  # long ago
    begin_stage(warehouse, "lately begun", "merge")
    query(warehouse, "INSERT INTO chunks (run_id, chunk, state) VALUES ('chunk lately', 0, 'merged')")
    finish_run(warehouse, "ended", "success")
    ask(warehouse, "just asked for")
    query(
        warehouse, "UPDATE runs SET stage = 'check', stage_began = now() - interval '29 hours' WHERE run_id = 'silent'"
    )
    assert fail_silent_runs(warehouse) == ["silent"]
    failure = failure_of(warehouse, "silent")
    assert failure
    assert failure.stage == "check"
    assert fail_silent_runs(warehouse) == []


class TestWithoutAModel:
    """A run that failed before it had a model is in the list, and in nobody's way."""

    @pytest.fixture(autouse=True)
    def lost(self, warehouse, night):
        night("good")
        ask(warehouse, "lost")
        fail_run(warehouse, "lost", RunError("resolve_model", "there is no model", "add one"))

    def test_latest_passes_it_over_and_it_can_be_told(self, warehouse):
        assert find_run(warehouse, "latest") == "good"
        assert find_run(warehouse, "lost") == "lost"
        newer = newer_failure(warehouse, "good")
        assert newer
        assert newer.run_id == "lost"
        assert newer_failure(warehouse, "lost") is None

    def test_whoever_needs_its_model_is_told_why_there_is_none(self, warehouse):
        assert [run.run_id for run in load_runs(warehouse, ["good", "lost"])] == ["good"]
        with pytest.raises(FirstpassError, match="run lost came to nothing: there is no model") as caught:
            load_run(warehouse, "lost")
        assert caught.value.fix == "add one"

    def test_it_uses_no_model(self, warehouse):
        assert models_in_use(warehouse) == {VERSION.ref}

    def test_the_views_show_it(self, warehouse):
        assert query(warehouse, "SELECT state, model, images FROM run_statistics WHERE run_id = 'lost'") == [
            ("failed", None, 0)
        ]  # fmt: skip
        assert query(warehouse, "SELECT verdict FROM quality_trend WHERE run_id = 'lost'") == [(None,)]
        assert query(warehouse, "SELECT FROM quality_bases") == []

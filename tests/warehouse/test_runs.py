"""A run's row, from its start to its end."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg2
import pytest

from firstpass.contracts.thresholds import Thresholds
from firstpass.errors import FirstpassError
from firstpass.warehouse.catalogue_merge import merge_catalogue
from firstpass.warehouse.merge import merge_chunk
from firstpass.warehouse.runs import (
    begin_run,
    find_run,
    finish_run,
    latest_run,
    load_run,
    load_runs,
    record_plan,
    record_stage,
    runs_to_publish,
)
from fixtures.made_up_runs import VERSION, catalogue, query, row, unreadable


def state(conn, run_id="a run"):
    return query(conn, "SELECT state, stages, finished_at IS NOT NULL FROM runs WHERE run_id = %s", run_id)[0]


def chunks(conn, run_id="a run"):
    return query(conn, "SELECT chunk, state FROM chunks WHERE run_id = %s ORDER BY chunk", run_id)


def outcomes(conn, run_id="a run"):
    return query(conn, "SELECT uri, chunk FROM run_images WHERE run_id = %s ORDER BY uri", run_id)


def test_a_run_goes_through_its_stages_to_its_end(warehouse, night):
    night()
    assert state(warehouse) == ("running", {}, False)
    record_stage(warehouse, "a run", "merge", 1.5)
    record_stage(warehouse, "a run", "check", 2)
    record_stage(warehouse, "a run", "merge", 2.5)
    finish_run(warehouse, "a run", "partial")
    record_stage(warehouse, "a run", "report", 3)
    assert state(warehouse) == ("partial", {"merge": 2.5, "check": 2, "report": 3}, True)


def test_a_stage_that_works_at_the_second_try_revives_the_run(warehouse, night):
    night()
    finish_run(warehouse, "a run", "failed")
    record_stage(warehouse, "a run", "merge", 1)
    assert state(warehouse) == ("running", {"merge": 1}, False)


def test_what_is_said_of_one_run_is_not_said_of_another(warehouse, night):
    night("other")
    night()
    record_stage(warehouse, "a run", "merge", 1)
    record_plan(warehouse, "a run", 2)
    finish_run(warehouse, "a run", "failed")
    assert state(warehouse, "other") == ("running", {}, False)
    assert chunks(warehouse, "other") == []


def test_a_run_that_begins_again_starts_afresh(warehouse, night):
    run = night()
    record_stage(warehouse, "a run", "merge", 1)
    finish_run(warehouse, "a run", "failed")
    newer = replace(VERSION, version="fedcba987654", decided_at="2026-01-02T00:00:00+00:00")
    again = replace(
        run.spec,
        thresholds=Thresholds(0.9),
        floor=0.5,
        model=newer.ref,
        images="/others",
        started_at="2026-03-01T00:00:00+00:00",
        publish=True,
    )
    begin_run(warehouse, again, newer)
    assert state(warehouse) == ("running", {}, False)
    found = load_run(warehouse, "a run")
    assert (found.model, found.thresholds, found.images_uri) == (newer.ref, Thresholds(0.9), "/others")
    assert query(warehouse, "SELECT threshold, floor FROM runs") == [(0.9, 0.5)]
    assert (found.spec["threshold"], found.spec["publish"]) == (0.9, True)
    assert (found.started_at, found.decided_at) == (datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))


def test_the_model_and_its_classes_are_remembered_with_the_run(warehouse, night):
    night("one")
    night("two")
    assert query(warehouse, "SELECT class_id, name FROM classes WHERE model = %s ORDER BY 1", VERSION.ref) == [
        (1, "cat"),
        (2, "größe <b>"),
        (5, "dog"),
    ]


def test_a_run_ends_in_one_of_three_ways(warehouse, night):
    night()
    with pytest.raises(psycopg2.errors.CheckViolation):
        finish_run(warehouse, "a run", "excellent")


def test_planned_chunks_are_missed_until_they_come(warehouse, night):
    night()
    record_plan(warehouse, "a run", 2)
    assert chunks(warehouse) == [(0, "planned"), (1, "planned")]
    record_plan(warehouse, "a run", 0)
    assert chunks(warehouse) == []


def test_a_smaller_plan_takes_away_the_chunks_beyond_it_and_their_outcomes_alone(warehouse, night):
    """Of this run: the chunks that stay, what the catalogue decided and other runs keep what they have."""
    other, run = night("other"), night()
    merge_chunk(warehouse, other.spec, other.chunk(2, [row("file:///2")]))
    merge_catalogue(warehouse, run.spec, catalogue([unreadable("file:///bad")]))
    record_plan(warehouse, "a run", 4)
    for index in range(4):
        merge_chunk(warehouse, run.spec, run.chunk(index, [row(f"file:///{index}")]))
    record_plan(warehouse, "a run", 2)
    assert chunks(warehouse) == [(0, "merged"), (1, "merged")]
    assert outcomes(warehouse) == [("file:///0", 0), ("file:///1", 1), ("file:///bad", None)]
    assert (chunks(warehouse, "other"), outcomes(warehouse, "other")) == ([(2, "merged")], [("file:///2", 2)])


def test_people_find_runs_by_id_and_the_newest_as_latest(warehouse, night):
    assert latest_run(warehouse) is None
    with pytest.raises(FirstpassError, match="there is no run yet"):
        find_run(warehouse, "latest")
    with pytest.raises(FirstpassError, match="there is no run 'x'") as caught:
        find_run(warehouse, "x")
    assert "there is none yet" in caught.value.fix
    for name in ("one", "two", 'it\'s 100% "odd"'):
        night(name)
    assert latest_run(warehouse) == find_run(warehouse, "latest") == 'it\'s 100% "odd"'
    assert find_run(warehouse, "one") == "one"
    with pytest.raises(FirstpassError) as caught:
        find_run(warehouse, "three")
    assert 'latest, it\'s 100% "odd", two, one' in caught.value.fix


def test_an_old_run_is_found_among_many_and_the_five_newest_are_named(warehouse, night):
    for number in range(7):
        night(f"run {number}")
    assert find_run(warehouse, "run 0") == "run 0"
    with pytest.raises(FirstpassError) as caught:
        find_run(warehouse, "run 7")
    assert caught.value.fix == "use one of the runs there are: latest, run 6, run 5, run 4, run 3, run 2"


def test_of_two_runs_that_started_at_once_the_later_id_is_latest(warehouse, night):
    for name in ("b", "c", "a"):
        night(name, started_at="2026-02-01T02:00:00+00:00")
    assert latest_run(warehouse) == "c"


def test_runs_are_loaded_as_they_were_asked_for(warehouse, night):
    run = night("one", images="/others", thresholds=Thresholds(0.3, {5: 0.75}))
    night("two")
    finish_run(warehouse, "one", "partial")
    (found,) = load_runs(warehouse, ["one", "nothing"])
    assert (found.run_id, found.model, found.images_uri, found.state) == ("one", VERSION.ref, "/others", "partial")
    assert found.thresholds == run.spec.thresholds
    assert found.spec["class_thresholds"] == {"5": 0.75}
    assert (found.decided_at, found.started_at) == (
        datetime.fromisoformat(VERSION.decided_at),
        datetime.fromisoformat(run.spec.started_at),
    )
    assert load_run(warehouse, "latest").run_id == "two"
    assert {each.run_id for each in load_runs(warehouse, {"one", "two"})} == {"one", "two"}


def test_a_newer_model_version_outranks_a_later_run(warehouse, night):
    first, _ = night("first"), night("second")
    newer = replace(VERSION, version="fedcba987654", decided_at="2026-01-02T00:00:00+00:00")
    begin_run(warehouse, replace(first.spec, run_id="third", model=newer.ref), newer)
    ranked = sorted(load_runs(warehouse, ["second", "third", "first"]), key=lambda each: each.rank)
    assert [each.run_id for each in ranked] == ["first", "second", "third"]


class TestRunsToPublish:
    """Finished runs of the last days over CVAT's frames that were asked to publish, the oldest first."""

    @pytest.fixture
    def finished(self, warehouse, night):
        """`finished("id", days=2)`: a run that began so many days ago, over frames of tasks 4 and 3, and its state."""

        def run(run_id: str, days: float = 1, state: str = "success", tasks=(4, 3, 4), **other) -> None:
            began = (datetime.now(UTC) - timedelta(days=days)).isoformat()
            run = night(run_id, **{"publish": True, "images": "cvat:task/4", "started_at": began} | other)
            rows = [row(f"cvat:task/{task}#{n}", task=task, frame=n) for n, task in enumerate(tasks)]
            merge_chunk(warehouse, run.spec, run.chunk(0, rows))
            finish_run(warehouse, run_id, state)

        return run

    def test_each_comes_with_the_tasks_of_its_images_once(self, warehouse, finished):
        finished("b", days=1)
        finished("a", days=3, state="partial")
        finished("c", days=2, tasks=(9, None))
        found = runs_to_publish(warehouse, ["cvat"])
        assert list(found) == ["a", "c", "b"]
        assert {run_id: sorted(tasks) for run_id, tasks in found.items()} == {"a": [3, 4], "c": [9], "b": [3, 4]}

    def test_a_night_of_known_frames_does_too(self, warehouse, night):
        """What it publishes again finds in CVAT what is there already."""
        for name in ("first", "second"):
            run = night(name, images="cvat:task/7", publish=True, started_at=datetime.now(UTC).isoformat())
            frames = [row(f"cvat:task/7#{n}", "known", task=7, frame=n) for n in range(3)]
            merge_catalogue(warehouse, run.spec, catalogue(frames))
            finish_run(warehouse, name, "success")
        assert query(warehouse, "SELECT count(*) FROM outcomes") == [(0,)]
        assert runs_to_publish(warehouse, ["cvat"]) == {"first": [7], "second": [7]}

    def test_others_do_not(self, warehouse, finished, night):
        finished("not asked for", publish=False)
        finished("failed", state="failed")
        finished("still running", state="running")
        finished("of a folder", images="/photos/cvat:")
        finished("without a frame", tasks=(None,))
        finished("long ago", days=7.01)
        assert runs_to_publish(warehouse, ["cvat"]) == {}
        assert runs_to_publish(warehouse, []) == {}

    def test_a_week_counts_unless_told_otherwise(self, warehouse, finished):
        finished("last week", days=6.99)
        assert list(runs_to_publish(warehouse, ["other", "cvat"])) == ["last week"]
        assert runs_to_publish(warehouse, ["cvat"], days=6) == {}

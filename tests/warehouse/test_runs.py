"""A run's row, from its start to its end."""

from __future__ import annotations

from dataclasses import replace

import psycopg2
import pytest

from firstpass.errors import FirstpassError
from firstpass.warehouse.connection import transaction
from firstpass.warehouse.runs import begin_run, find_run, finish_run, latest_run, record_plan, record_stage
from fixtures.made_up_runs import VERSION


def row(conn, run_id="a run"):
    with transaction(conn) as cur:
        cur.execute("SELECT state, stages, finished_at IS NOT NULL FROM runs WHERE run_id = %s", [run_id])
        return cur.fetchall()[0]


def test_a_run_goes_through_its_stages_to_its_end(warehouse, night):
    night()
    assert row(warehouse) == ("running", {}, False)
    record_stage(warehouse, "a run", "merge", 1.5)
    record_stage(warehouse, "a run", "check", 2)
    record_stage(warehouse, "a run", "merge", 2.5)
    finish_run(warehouse, "a run", "partial")
    record_stage(warehouse, "a run", "report", 3)
    assert row(warehouse) == ("partial", {"merge": 2.5, "check": 2, "report": 3}, True)


def test_a_stage_that_works_at_the_second_try_revives_the_run(warehouse, night):
    night()
    finish_run(warehouse, "a run", "failed")
    record_stage(warehouse, "a run", "merge", 1)
    assert row(warehouse) == ("running", {"merge": 1}, False)


def test_a_run_that_begins_again_starts_afresh(warehouse, night):
    run = night()
    record_stage(warehouse, "a run", "merge", 1)
    finish_run(warehouse, "a run", "failed")
    begin_run(warehouse, replace(run.spec, threshold=0.9), VERSION)
    assert row(warehouse) == ("running", {}, False)
    with transaction(warehouse) as cur:
        cur.execute("SELECT (spec ->> 'threshold')::float8 FROM runs")
        assert cur.fetchall() == [(0.9,)]


def test_the_model_and_its_classes_are_remembered_with_the_run(warehouse, night):
    night("one")
    night("two")
    with transaction(warehouse) as cur:
        cur.execute("SELECT class_id, name FROM classes WHERE model = %s ORDER BY 1", [VERSION.ref])
        assert cur.fetchall() == [(1, "cat"), (2, "größe <b>"), (5, "dog")]


def test_a_run_ends_in_one_of_three_ways(warehouse, night):
    night()
    with pytest.raises(psycopg2.errors.CheckViolation):
        finish_run(warehouse, "a run", "excellent")


def test_planned_chunks_are_missed_until_they_come(warehouse, night):
    night()
    for count in (4, 2):
        record_plan(warehouse, "a run", count)
    with transaction(warehouse) as cur:
        cur.execute("SELECT chunk, state FROM chunks ORDER BY chunk")
        assert cur.fetchall() == [(0, "planned"), (1, "planned")]
    record_plan(warehouse, "a run", 0)
    with transaction(warehouse) as cur:
        cur.execute("SELECT count(*) FROM chunks")
        assert cur.fetchall() == [(0,)]


def test_people_find_runs_by_id_and_the_newest_as_latest(warehouse, night):
    assert latest_run(warehouse) is None
    with pytest.raises(FirstpassError, match="there is no run yet"):
        find_run(warehouse, "latest")
    with pytest.raises(FirstpassError, match="there is no run 'x'"):
        find_run(warehouse, "x")
    for name in ("one", "two", 'it\'s 100% "odd"'):
        night(name)
    assert latest_run(warehouse) == find_run(warehouse, "latest") == 'it\'s 100% "odd"'
    assert find_run(warehouse, "one") == "one"
    with pytest.raises(FirstpassError) as caught:
        find_run(warehouse, "three")
    assert 'latest, it\'s 100% "odd", two, one' in caught.value.fix

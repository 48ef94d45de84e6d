"""A run's rows: what goes, what is kept with the run, and that a run that begins again is left alone."""

from __future__ import annotations

import threading
from contextlib import closing

import psycopg2
import pytest

from firstpass.contracts.pruned import Prunable
from firstpass.errors import FirstpassError
from firstpass.warehouse.catalogue_merge import merge_catalogue
from firstpass.warehouse.evidence import ROW_EVIDENCE
from firstpass.warehouse.merge import merge_chunk
from firstpass.warehouse.pruning import alone, count_rows, in_progress, note_removed, prune_run, seen_last_by
from firstpass.warehouse.run_failures import begin_stage
from firstpass.warehouse.run_summary import run_summary
from firstpass.warehouse.runs import find_whole_run, finish_run, load_run, load_whole_run, record_stage
from fixtures.made_up_runs import query, row


@pytest.fixture
def ended(warehouse, night):
    run = night("a run")
    merge_catalogue(warehouse, run.spec, [])
    merge_chunk(warehouse, run.spec, run.chunk(0, [row("file:///a", detections=3), row("file:///b", "empty", 0)]))
    record_stage(warehouse, "a run", "merge", 0.5)
    finish_run(warehouse, "a run", "success")
    return run


def test_its_counts_and_seconds_stay_and_its_images_go(warehouse, ended):
    before = run_summary(warehouse, "a run")
    assert count_rows(warehouse, ["a run"]) == {"a run": 4}
    assert prune_run(warehouse, "a run", ROW_EVIDENCE) == 4
    assert count_rows(warehouse, ["a run"]) == {}
    after = run_summary(warehouse, "a run")
    assert after["pruned_at"]
    gone = ("pruned_at", "drafts", "drafts_per_class", "older_revision", "higher_floor", "undone")
    assert {name: after[name] for name in gone[1:]} == dict.fromkeys(gone[1:])
    assert {name: value for name, value in after.items() if name not in gone} == {
        name: value for name, value in before.items() if name not in gone
    }


def test_who_asks_for_its_images_is_told(warehouse, ended):
    prune_run(warehouse, "a run", ROW_EVIDENCE)
    assert load_run(warehouse, "a run").run_id == "a run"
    for ask in (find_whole_run, load_whole_run):
        with pytest.raises(FirstpassError, match=r"run a run was pruned on 2.*: its outcomes and files were removed"):
            ask(warehouse, "latest")


def test_a_run_that_nothing_rests_on_goes(warehouse, ended):
    query(warehouse, "DELETE FROM predictions")
    assert seen_last_by(warehouse, ["a run", "another"]) == {"a run"}
    query(warehouse, "DELETE FROM images")
    assert seen_last_by(warehouse, ["a run", "another"]) == set()
    assert prune_run(warehouse, "a run", ROW_EVIDENCE) == 4
    assert query(warehouse, "SELECT run_id FROM runs") == []


def test_a_run_whose_row_is_needed_stays(warehouse, ended):
    query(warehouse, "DELETE FROM predictions")
    prune_run(warehouse, "a run", ROW_EVIDENCE, needed=True)
    assert query(warehouse, "SELECT run_id FROM runs") == [("a run",)]


def test_a_run_that_begins_again_is_left_alone(warehouse, ended):
    assert not in_progress(warehouse, "a run")
    begin_stage(warehouse, "a run", "merge")
    assert in_progress(warehouse, "a run")
    assert prune_run(warehouse, "a run", ROW_EVIDENCE) is None
    assert count_rows(warehouse, ["a run"]) == {"a run": 4}
    query(warehouse, "UPDATE runs SET stage_began = now() - interval '8 days'")
    assert not in_progress(warehouse, "a run"), "it was ended from outside"


def test_a_run_that_failed_in_a_stage_is_not_in_progress(warehouse, ended):
    begin_stage(warehouse, "a run", "merge")
    query(warehouse, "UPDATE runs SET state = 'failed'")
    assert not in_progress(warehouse, "a run")


def test_a_run_that_is_opened_in_the_same_moment_waits_for_the_end(warehouse, warehouse_dsn, ended):
    """It sees the run marked, or the prune sees it open: never half of both."""
    with closing(psycopg2.connect(warehouse_dsn)) as other:
        with other.cursor() as cur:
            cur.execute("UPDATE runs SET state = 'running' WHERE run_id = 'a run'")
        pruned: list[int | None] = []
        thread = threading.Thread(target=lambda: pruned.append(prune_run(warehouse, "a run", ROW_EVIDENCE)))
        thread.start()
        with closing(psycopg2.connect(warehouse_dsn)) as third:
            while not query(third, "SELECT 1 FROM pg_locks WHERE NOT granted"):
                pass
        other.commit()
        thread.join()
    assert pruned == [None]
    assert count_rows(warehouse, ["a run"]) == {"a run": 4}


def test_what_was_removed_is_noted_once(warehouse, ended):
    note_removed(warehouse, "a run", [Prunable.RESULTS, Prunable.REPORTS])
    note_removed(warehouse, "a run", [Prunable.RESULTS])
    assert query(warehouse, "SELECT removed FROM runs") == [(["reports", "results"],)]


def test_one_at_a_time(warehouse, warehouse_dsn):
    with closing(psycopg2.connect(warehouse_dsn)) as other:
        with alone(other), pytest.raises(FirstpassError, match="another prune"), alone(warehouse):
            pass
        with alone(warehouse):
            pass
        with pytest.raises(ZeroDivisionError), alone(other):
            1 / 0  # noqa: B018
        with alone(warehouse):
            pass

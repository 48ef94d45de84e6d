"""Pruning runs: what goes, what stays and why, and that nothing is lost however it is interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Collection
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psycopg2
import pytest

from firstpass import storage
from firstpass.contracts.pruned import Prunable, PrunedKind
from firstpass.contracts.run_spec import run_folder
from firstpass.contracts.verdict import CheckResult, CheckState, QualityVerdict
from firstpass.errors import FirstpassError
from firstpass.nightly.prune import prune_runs, raise_failures
from firstpass.settings import settings
from firstpass.warehouse.pruning import alone
from firstpass.warehouse.runs import begin_run, finish_run
from firstpass.warehouse.verdicts import store_verdict
from fixtures.made_up_runs import VERSION, dump, query, row

LATER = datetime(2028, 1, 1, tzinfo=UTC)
NEWER = replace(VERSION, version="ba9876543210")


def nothing(dag_id: str, run_ids: Collection[str]) -> set[str]:
    """An Airflow in which every run has ended."""
    return set()


@pytest.fixture(autouse=True)
def one_stays(monkeypatch):
    configure(monkeypatch, KEEP_NEWEST=1)
    yield
    settings.cache_clear()


def configure(monkeypatch, **values: int) -> None:
    for name, value in values.items():
        monkeypatch.setenv(f"FIRSTPASS_{name}", str(value))
    settings.cache_clear()


@pytest.fixture
def ended(finished_run, warehouse):
    """`ended(rows, …)`: a run as `finished_run` makes it, checked, closed and reported."""

    def end(rows, *others, state: str = "success", **fields):
        spec = finished_run(rows, *others, **fields)
        check = CheckResult("run", "empty_rate", "warning", CheckState.HOLDS, "0", 0.0, "s")
        store_verdict(warehouse, QualityVerdict(spec.run_id, (check,)))
        finish_run(warehouse, spec.run_id, state)
        storage.write(storage.join(spec.uri, "report.html"), b"<html>")
        storage.write(storage.join(spec.uri, "data_docs", "index.html"), b"<html>")
        return spec

    return end


def pruned(**options) -> dict[Prunable, PrunedKind]:
    found = prune_runs(options.pop("unfinished", nothing), now=LATER, **options)
    raise_failures(found)
    return {kind.kind: kind for kind in found}


def counts(warehouse, run_id: str) -> list[tuple]:
    names = "images, ok, empty, unreadable, known, detections, drafts"
    return query(warehouse, f"SELECT {names} FROM run_statistics WHERE run_id = %s", run_id)


def drafts(warehouse) -> list[tuple]:
    return query(warehouse, "SELECT uri, class, score, x1, run_id FROM current_drafts ORDER BY uri, number")


def files(spec) -> list[str]:
    return sorted(entry.uri.removeprefix(spec.uri + "/") for entry in storage.listing(spec.uri))


def test_current_drafts_stay_as_they_are_when_their_runs_are_pruned(warehouse, ended):
    specs = [ended([row(f"file:///photos/{night}", detections=3)]) for night in range(3)]
    before, told = drafts(warehouse), [counts(warehouse, spec.run_id) for spec in specs]
    found = pruned()
    assert found[Prunable.RUNS].items == 2
    assert found[Prunable.RUNS].rows == 8, "of each an outcome, a chunk, a listing, and what stood"
    assert drafts(warehouse) == before
    assert len(before) == 9
    assert [counts(warehouse, spec.run_id) for spec in specs] == told, "its counts are right, and not zero"
    assert [files(spec) == [] for spec in specs] == [True, True, False]
    assert query(warehouse, "SELECT run_id FROM outcomes") == [(specs[2].run_id,)]
    marked = query(warehouse, "SELECT run_id FROM runs WHERE pruned_at IS NOT NULL ORDER BY 1")
    assert marked == [(spec.run_id,) for spec in specs[:2]]
    assert len(query(warehouse, "SELECT 1 FROM quality_trend WHERE verdict = 'passed'")) == 3


def test_pruning_again_finds_nothing(warehouse, ended):
    for night in range(3):
        ended([row(f"file:///photos/{night}")])
    pruned()
    rows = dump(warehouse)
    again = pruned()
    assert {kind.items for kind in again.values()} == {0}
    assert dump(warehouse) == rows


def test_there_may_be_nothing_to_prune(warehouse, storage_home):
    assert {kind.items for kind in pruned().values()} == {0}


def test_a_dry_run_says_what_would_go_and_removes_nothing(warehouse, ended):
    specs = [ended([row(f"file:///photos/{night}")]) for night in range(3)]
    before, had = dump(warehouse), [files(spec) for spec in specs]
    would = pruned(dry_run=True)
    assert (dump(warehouse), [files(spec) for spec in specs]) == (before, had)
    assert not query(warehouse, "SELECT 1 FROM runs WHERE pruned_at IS NOT NULL OR removed <> '{}'")
    did = pruned()
    assert {kind: each.to_json() for kind, each in would.items()} == {
        kind: each.to_json() for kind, each in did.items()
    }
    runs = would[Prunable.RUNS]
    assert (runs.oldest, runs.newest) == tuple(datetime.fromisoformat(spec.started_at) for spec in specs[:2])
    assert runs.kept == {"is one of the newest of its source": 1}
    assert would[Prunable.RESULTS].bytes > would[Prunable.DATA_DOCS].bytes == 2 * len("<html>")


def test_files_go_before_the_run_and_are_looked_for_once(warehouse, ended, monkeypatch):
    configure(monkeypatch, KEEP_RUNS_DAYS=0, KEEP_REPORTS_DAYS=0)
    spec, _ = ended([row("file:///photos/a")]), ended([row("file:///photos/b")])
    found = pruned()
    assert (found[Prunable.RESULTS].items, found[Prunable.DATA_DOCS].items) == (1, 1)
    assert files(spec) == ["catalogue.json", "report.html", "run.json"]
    assert query(warehouse, "SELECT removed FROM runs ORDER BY started_at") == [(["data_docs", "results"],), ([],)]
    assert len(query(warehouse, "SELECT 1 FROM outcomes")) == 2
    assert {kind.items for kind in pruned().values()} == {0}


def test_zero_keeps_for_ever(warehouse, ended, monkeypatch):
    kinds = ("RUNS", "RESULTS", "REPORTS", "DATA_DOCS")
    configure(monkeypatch, **{f"KEEP_{kind}_DAYS": 0 for kind in kinds})
    for night in range(3):
        ended([row(f"file:///photos/{night}")])
    assert {kind.items for kind in pruned().values()} == {0}
    configure(monkeypatch, KEEP_RESULTS=2)
    assert {kind.kind: kind.items for kind in pruned().values()}[Prunable.RESULTS] == 1, "by their number alone"


def test_not_everything_can_be_asked_for(monkeypatch):
    configure(monkeypatch, KEEP_NEWEST=0)
    with pytest.raises(FirstpassError, match=r"FIRSTPASS_KEEP_NEWEST='0'.*greater than or equal to 1"):
        prune_runs(nothing)


@pytest.mark.parametrize("how", ["state", "stage", "airflow"])
def test_a_run_in_progress_stays_whole(warehouse, ended, how):
    spec, _ = ended([row("file:///photos/a")]), ended([row("file:///photos/b")])
    change = {
        "state": "state = 'running'",
        "stage": "stage = 'merge', stage_began = now()",
        "airflow": "stages = stages",
    }[how]
    query(warehouse, f"UPDATE runs SET {change} WHERE run_id = %s", spec.run_id)
    had = files(spec)
    found = pruned(unfinished=lambda dag, runs: {spec.run_id} if how == "airflow" else set())
    assert files(spec) == had
    assert {kind.items for kind in found.values()} == {0}
    assert query(warehouse, "SELECT pruned_at FROM runs WHERE run_id = %s", spec.run_id) == [(None,)]
    reason = "is not finished in Airflow" if how == "airflow" else "is in progress"
    assert found[Prunable.RUNS].kept[reason] == found[Prunable.RESULTS].kept[reason] == 1


def test_airflow_is_asked_about_nights_alone(warehouse, ended):
    asked = []
    specs = [ended([row(f"file:///photos/{night}")]) for night in range(3)]
    pruned(unfinished=lambda dag, runs: asked.append((dag, list(runs))) or set())
    assert asked == [("preannotate", [spec.run_id for spec in specs])]


def test_the_run_that_found_something_last_stays_for_the_next_to_be_compared_with(warehouse, ended):
    found = ended([row("file:///photos/a")])
    for _ in range(2):
        ended([], [row("file:///photos/a", "known", 0)])
    kept = pruned()[Prunable.RUNS].kept
    assert kept == {
        "is the one that the next run over its images is compared with": 1,
        "is one of the newest of its source": 1,
    }
    assert query(warehouse, "SELECT pruned_at FROM runs WHERE run_id = %s", found.run_id) == [(None,)]


def test_results_that_were_never_merged_stay(warehouse, ended, monkeypatch):
    configure(monkeypatch, KEEP_RUNS_DAYS=0)
    spec, _ = ended([row("file:///photos/a")]), ended([row("file:///photos/b")])
    query(warehouse, "UPDATE chunks SET state = 'planned' WHERE run_id = %s", spec.run_id)
    found = pruned()
    assert found[Prunable.RESULTS].kept["has a chunk that was never merged"] == 1
    assert "results/00000.parquet" in files(spec)


def test_a_run_on_which_nothing_rests_goes_altogether(warehouse, ended):
    """Its images were seen by later runs, and it inferred nothing."""
    ended([row("file:///photos/a")])
    idle = ended([], [row("file:///photos/a", "known", 0)])
    for night in range(2):
        ended([row(f"file:///photos/new {night}")], [row("file:///photos/a", "known", 0)])
    pruned()
    left = [run_id for (run_id,) in query(warehouse, "SELECT run_id FROM runs")]
    assert idle.run_id not in left
    assert len(left) == 3
    assert len(drafts(warehouse)) == 3


def test_a_run_that_failed_before_it_had_a_model_goes_altogether(warehouse, ended):
    from firstpass.warehouse.run_failures import record_request

    record_request(warehouse, "typo", "/fotos", "pets", {})
    query(warehouse, "UPDATE runs SET state = 'failed', started_at = '2026-01-01'")
    record_request(warehouse, "typo 2", "/fotos", "pets", {})
    query(warehouse, "UPDATE runs SET state = 'failed'")
    pruned()
    assert query(warehouse, "SELECT run_id FROM runs") == [("typo 2",)], "the newest of its source"


def test_predictions_of_a_version_that_nobody_uses_go(warehouse, ended):
    images = [row(f"file:///photos/{n}") for n in range(3)]
    old = ended(images)
    ended(images[:2], version=NEWER)
    before = drafts(warehouse)
    found = pruned()
    assert found[Prunable.PREDICTIONS].items == 2
    assert drafts(warehouse) == before, "the third is current for its image"
    assert query(warehouse, "SELECT model, count(*) FROM predictions GROUP BY 1 ORDER BY 1") == [
        (VERSION.ref, 1),
        (NEWER.ref, 2),
    ]
    assert query(warehouse, "SELECT run_id FROM runs WHERE pruned_at IS NOT NULL") == [(old.run_id,)]
    assert pruned()[Prunable.PREDICTIONS].items == 0


def test_a_dry_run_counts_the_predictions_of_versions_that_are_about_to_retire(warehouse, ended):
    ended([row("file:///photos/a")])
    ended([row("file:///photos/a")], version=NEWER)
    assert pruned(dry_run=True)[Prunable.PREDICTIONS].items == 1
    assert len(query(warehouse, "SELECT 1 FROM predictions")) == 2


def test_the_last_row_of_a_retired_version_goes_with_its_predictions(warehouse, ended):
    old = ended([row("file:///photos/a")])
    ended([row("file:///photos/a")], version=NEWER)
    pruned()
    assert query(warehouse, "SELECT run_id FROM runs WHERE run_id = %s", old.run_id) == []
    assert query(warehouse, "SELECT run_id FROM quality_results WHERE run_id = %s", old.run_id) == []


def test_a_pruned_run_that_is_run_again_is_whole_again(warehouse, ended):
    spec, _ = ended([row("file:///photos/a")]), ended([row("file:///photos/b")])
    pruned()
    begin_run(warehouse, spec, VERSION)
    assert query(warehouse, "SELECT pruned_at, outcome_counts, removed FROM runs WHERE run_id = %s", spec.run_id) == [
        (None, None, [])
    ]
    assert counts(warehouse, spec.run_id) == [(0,) * 7]


def test_two_at_once(warehouse, ended, warehouse_dsn):
    for night in range(2):
        ended([row(f"file:///photos/{night}")])
    with closing(psycopg2.connect(warehouse_dsn)) as other, alone(other):
        with pytest.raises(FirstpassError, match="another prune of this warehouse is under way"):
            prune_runs(nothing, now=LATER)
        assert pruned(dry_run=True)[Prunable.RUNS].items == 1, "looking is free"
    assert pruned()[Prunable.RUNS].items == 1


def test_what_cannot_be_removed_keeps_nothing_else_from_going(warehouse, ended, monkeypatch):
    specs = [ended([row(f"file:///photos/{night}")]) for night in range(3)]
    delete = storage.delete

    def refuse(uri: str) -> None:
        if uri.startswith(specs[0].uri):
            raise PermissionError(13, "Permission denied", uri)
        delete(uri)

    monkeypatch.setattr(storage, "delete", refuse)
    found = prune_runs(nothing, now=LATER)
    with pytest.raises(FirstpassError, match=r"runs of run 1 could not be removed: .*Permission denied"):
        raise_failures(found)
    assert query(warehouse, "SELECT run_id FROM runs WHERE pruned_at IS NOT NULL") == [(specs[1].run_id,)]
    monkeypatch.undo()


def test_nothing_outside_of_storage_is_touched(warehouse, ended, tmp_path: Path):
    """Ids are hostile, and folders may be links."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("stays")
    hostile = ["../../outside", "..", "/etc/passwd", "a/../../../outside\n", "%2e%2e/outside", "run_id=; rm -rf ~"]
    for run_id in hostile:
        ended([row(f"file:///{run_id}")], run_id=run_id)
    linked = ended([row("file:///photos/linked")])
    inner = ended([row("file:///photos/inner")])
    ended([row("file:///photos/last")])
    storage.delete(linked.uri)
    Path(linked.uri).symlink_to(outside)
    (Path(inner.uri) / "results" / "link").symlink_to(outside)
    pruned()
    assert (outside / "precious").read_text() == "stays"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["outside", "storage"]
    left = query(warehouse, "SELECT run_id FROM runs WHERE pruned_at IS NULL")
    assert left == [("run 9",)]
    assert [path.name for path in (tmp_path / "storage" / "runs").iterdir()] == [Path(run_folder("run 9")).name]


KILLED = """
import sys
from firstpass import storage
from firstpass.nightly import prune
from firstpass.warehouse import pruning

def wait(*_):
    print("here", flush=True)
    sys.stdin.read()

WHERE = {"before rows": (pruning, "prune_run"), "between files": (storage, "delete")}
module, name = WHERE[sys.argv[1]]
real, calls = getattr(module, name), []
def stop(*arguments):
    calls.append(1)
    if len(calls) == 2:
        wait()
    return real(*arguments)
setattr(module, name, stop)
prune.prune_runs(lambda *_: set())
"""


@pytest.mark.parametrize("where", ["before rows", "between files"])
def test_killed_in_the_middle_the_next_completes_it(warehouse, ended, where):
    specs = [
        ended([row(f"file:///photos/{night}")], started_at=f"2020-01-0{night + 1}T00:00:00Z") for night in range(4)
    ]
    before, told = drafts(warehouse), [counts(warehouse, spec.run_id) for spec in specs]
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED, where],
        env={**os.environ, "FIRSTPASS_KEEP_NEWEST": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout.readline() == "here\n"
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdin.close()
    child.stdout.close()
    assert query(warehouse, "SELECT count(*) FROM runs WHERE pruned_at IS NOT NULL") == [(1,)]
    assert drafts(warehouse) == before
    assert [counts(warehouse, spec.run_id) for spec in specs] == told
    assert pruned()[Prunable.RUNS].items == 2
    assert query(warehouse, "SELECT count(*) FROM runs WHERE pruned_at IS NOT NULL") == [(3,)]
    assert [files(spec) == [] for spec in specs] == [True, True, True, False]
    assert drafts(warehouse) == before
    assert [counts(warehouse, spec.run_id) for spec in specs] == told


def test_in_object_storage(warehouse, finished_run, bucket, monkeypatch):
    monkeypatch.setenv("FIRSTPASS_STORAGE", storage.join(bucket, "firstpass"))
    settings.cache_clear()
    specs = [finished_run([row(f"file:///photos/{night}")]) for night in range(2)]
    for spec in specs:
        finish_run(warehouse, spec.run_id, "success")
    had = files(specs[1])
    assert pruned()[Prunable.RUNS].items == 1
    assert (files(specs[0]), files(specs[1])) == ([], had)


def test_a_night_that_merges_is_not_held_up(warehouse, warehouse_dsn, ended, finished_run):
    """A prune in the midst of its transaction, and a merge beside it."""
    from firstpass.nightly.prune import ROW_EVIDENCE
    from firstpass.warehouse.pruning import prune_run

    old, _ = ended([row("file:///photos/a")]), ended([row("file:///photos/b")])
    with closing(psycopg2.connect(warehouse_dsn)) as conn:
        merged = threading.Event()

        class Held(psycopg2.extensions.connection):
            def commit(self) -> None:
                assert merged.wait(60)
                super().commit()

        with closing(psycopg2.connect(warehouse_dsn, connection_factory=Held)) as held:
            thread = threading.Thread(target=prune_run, args=(held, old.run_id, ROW_EVIDENCE))
            thread.start()
            locked = "SELECT 1 FROM pg_locks WHERE relation = 'chunks'::regclass AND mode = 'RowExclusiveLock'"
            while not query(conn, locked):
                time.sleep(0.01)
            query(warehouse, "SET lock_timeout = '5s'")
            finished_run([row("file:///photos/c")], [row("file:///photos/a", "known", 0)])
            merged.set()
            thread.join()
    assert len(query(warehouse, "SELECT 1 FROM current_drafts")) == 3

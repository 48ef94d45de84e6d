"""`firstpass prune`: what it says, and that it removes what it says."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from firstpass import storage
from firstpass.contracts.pruned import Prunable
from firstpass.errors import FirstpassError
from firstpass.settings import settings
from firstpass.warehouse.runs import finish_run
from fixtures.made_up_runs import query, row

KINDS = [str(kind) for kind in Prunable]


@pytest.fixture
def old(warehouse, finished_run, home: Path, monkeypatch) -> Path:
    """Two old runs, the newest of which is to stay, and an old log."""
    monkeypatch.setenv("FIRSTPASS_KEEP_NEWEST", "1")
    settings.cache_clear()
    for night in range(2):
        spec = finished_run([row(f"file:///photos/{night}")], started_at=f"2020-01-0{night + 1}T00:00:00Z")
        finish_run(warehouse, spec.run_id, "success")
    log = home / "logs" / "dag_id=preannotate" / "run_id=a" / "task_id=merge" / "attempt=1.log"
    log.parent.mkdir(parents=True)
    log.write_text("x" * 2**20)
    os.utime(log, (1.6e9, 1.6e9))
    return log


def test_a_dry_run_says_what_would_go(call, old, warehouse):
    result = call("prune", "--dry-run")
    assert result.exception is None
    lines = [line.split() for line in result.stdout.splitlines()]
    assert lines[0] == ["Would", "be", "removed", "Items", "Files", "MiB", "Rows", "Oldest", "Newest"]
    assert [line[0] for line in lines[1:8]] == ["results", "reports", "data", "runs", "predictions", "logs", "airflow"]
    runs, logs = lines[4], lines[6]
    assert runs[:2] == ["runs", "1"]
    assert runs[-4:] == ["2020-01-01", "00:00"] * 2
    assert logs == ["logs", "1", "1", "1.0", "–", "2020-09-13", "12:26", "2020-09-13", "12:26"]
    assert "runs: 1 kept: is one of the newest of its source" in result.stdout
    assert "airflow: Airflow's database cannot be reached from here" in result.stdout
    assert old.exists()
    assert query(warehouse, "SELECT count(*) FROM runs WHERE pruned_at IS NULL") == [(2,)]


def test_the_same_as_json_and_then_for_real(call, old, warehouse):
    would = json.loads(call("prune", "--dry-run", "--json").stdout)
    assert would["dry_run"] is True
    assert [kind["kind"] for kind in would["kinds"]] == KINDS
    runs = would["kinds"][3]
    assert (runs["items"], runs["rows"], runs["oldest"]) == (1, 4, "2020-01-01T00:00:00+00:00")
    did = json.loads(call("prune", "--json").stdout)
    assert did == would | {"dry_run": False}
    assert not old.exists()
    assert query(warehouse, "SELECT count(*) FROM runs WHERE pruned_at IS NULL") == [(1,)]
    again = json.loads(call("prune", "--json").stdout)
    assert {kind["items"] for kind in again["kinds"]} == {0}


def test_one_kind_alone(call, old, warehouse):
    (kind,) = json.loads(call("prune", "--only", "results", "--json").stdout)["kinds"]
    assert (kind["kind"], kind["items"]) == ("results", 1)
    assert old.exists()
    assert query(warehouse, "SELECT count(*) FROM runs WHERE pruned_at IS NULL") == [(2,)]
    assert call("prune", "--only", "everything").exit_code == 2


def test_nothing_to_do(call, warehouse, storage_home):
    result = call("prune")
    assert result.exception is None
    assert all(line.split()[1] == "0" for line in result.stdout.splitlines()[1:3])


def test_what_could_not_be_removed_is_told_after_the_rest(call, old, monkeypatch):
    def refuse(uri: str) -> None:
        raise PermissionError(13, "Permission denied", uri)

    monkeypatch.setattr(storage, "delete", refuse)
    result = call("prune")
    assert "logs" in result.stdout
    assert isinstance(result.exception, FirstpassError)
    assert "runs of run 1 could not be removed" in result.exception.problem
    assert not old.exists()

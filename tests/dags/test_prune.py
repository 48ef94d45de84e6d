"""The DAG's wiring: each task does its part, with Airflow asked about its runs, and says what could not be removed."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from firstpass.contracts.pruned import Prunable, PrunedKind
from firstpass.nightly import prune
from firstpass.settings import settings

FILE = Path(__file__).resolve().parents[2] / "dags" / "prune.py"


@pytest.fixture
def dag(airflow_database, monkeypatch, tmp_path):
    from airflow.dag_processing.dagbag import DagBag

    monkeypatch.setenv("FIRSTPASS_HOME", str(tmp_path))
    settings.cache_clear()
    dag = DagBag(FILE).dags["prune"]
    for task in dag.tasks:
        monkeypatch.setattr(task, "retries", 0, raising=False)
    yield dag
    settings.cache_clear()


def states(run) -> dict[str, str]:
    return {task.task_id: str(task.state) for task in run.get_task_instances()}


def test_each_task_prunes_its_kinds(dag, monkeypatch, tmp_path):
    asked = []
    day = datetime(2026, 1, 1, tzinfo=UTC)

    def prune_runs(unfinished):
        asked.append(unfinished("preannotate", ["a run that Airflow does not know"]))
        pruned = PrunedKind(Prunable.RUNS)
        pruned.add(day, 3, 100, 20)
        return [pruned]

    monkeypatch.setattr(prune, "prune_runs", prune_runs)
    log = tmp_path / "logs" / "dag_id=preannotate" / "run_id=a" / "attempt=1.log"
    log.parent.mkdir(parents=True)
    log.touch()
    os.utime(log, (1.6e9, 1.6e9))
    monkeypatch.setenv("AIRFLOW__LOGGING__BASE_LOG_FOLDER", str(tmp_path / "logs"))
    run = dag.test()
    assert states(run) == {"prune_runs": "success", "prune_logs": "success", "prune_airflow": "skipped"}
    assert asked == [set()]
    assert not log.exists()
    told = {task.task_id: task.xcom_pull(task_ids=task.task_id) for task in run.get_task_instances()}
    assert (told["prune_runs"][0]["rows"], told["prune_runs"][0]["oldest"]) == (20, day.isoformat())
    assert told["prune_logs"]["items"] == 1


def test_what_cannot_be_removed_is_red_and_the_others_go_on(dag, monkeypatch):
    failed = PrunedKind(Prunable.REPORTS, failed={"run 1": "Permission denied"})
    monkeypatch.setattr(prune, "prune_runs", lambda _: [failed])
    run = dag.test()
    assert states(run) == {"prune_runs": "failed", "prune_logs": "success", "prune_airflow": "skipped"}


def test_on_the_local_stack_airflow_cleans_its_records(dag, monkeypatch):
    from firstpass.stack import airflow_metadata

    asked = []
    monkeypatch.setattr(airflow_metadata, "task_environment", lambda: {"AIRFLOW_HOME": "/here"})
    monkeypatch.setattr(prune, "clean_records", lambda *arguments, dry_run: asked.append(arguments) or 12)
    monkeypatch.setattr(prune, "prune_runs", lambda _: [])
    run = dag.test()
    assert states(run)["prune_airflow"] == "success"
    (told,) = [task.xcom_pull(task_ids=task.task_id) for task in run.get_task_instances() if "airflow" in task.task_id]
    assert told["rows"] == 12
    ((environment, _, waiting),) = asked
    assert (environment, waiting) == ({"AIRFLOW_HOME": "/here"}, set())


def test_it_comes_when_it_is_wanted_and_never_where_it_is_not(airflow_database, monkeypatch):
    from airflow.dag_processing.dagbag import DagBag

    def timetable(value: str):
        monkeypatch.setenv("FIRSTPASS_PRUNE_SCHEDULE", value)
        settings.cache_clear()
        return DagBag(FILE).dags["prune"].timetable

    assert timetable("15 4 * * 0").expression == "15 4 * * 0"
    assert not timetable("").can_be_scheduled
    settings.cache_clear()

"""Every task waits for what is away, instead of failing at once."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg2
import pytest
from airflow.sdk.exceptions import AirflowSkipException

from firstpass import waiting
from firstpass.contracts.pruned import Prunable, PrunedKind
from firstpass.errors import Unavailable
from firstpass.stack.airflow_metadata import Runs

ROOT = Path(__file__).resolve().parents[2]
PARAMS = {
    "preannotate": {"images": "/photos", "model": "pets"},
    "publish": {"run_id": "", "unchecked": False, "unmatched": None},
    "sync_models": {"name": "", "source": "", "connection": ""},
    "review_mapping": {"scope": "project/3", "model": "pets@1"},
    "prune": {},
}
ANSWER = {"chosen_options": ["Approve"], "params_input": {}}
TASKS = {  # DAG and task: the function behind it, and its arguments
    ("preannotate", "resolve_model"): ("resolve_model", []),
    ("preannotate", "admit_model"): ("admit_model", ["/run"]),
    ("preannotate", "catalogue_images"): ("catalogue_images", ["/run"]),
    ("preannotate", "plan_chunks"): ("plan_chunks", ["/run"]),
    ("preannotate", "merge"): ("merge", ["/run", []]),
    ("preannotate", "check"): ("check", ["/run"]),
    ("preannotate", "report"): ("report", ["/run"]),
    ("preannotate", "confirm_complete"): ("confirm_complete", []),
    ("publish", "find_work"): ("find_work", []),
    ("publish", "publish"): ("publish", [{"run_id": "a run", "tasks": [1]}]),
    ("publish", "renew_reports"): ("renew_reports", [[]]),
    ("publish", "questions"): ("questions", []),
    ("sync_models", "list_sources"): ("wanted_sources", []),
    ("sync_models", "sync"): ("sync_source", [{"name": "pets", "uri": "s3://b/p", "connection": "", "options": {}}]),
    ("prune", "prune_runs"): ("prune_runs", []),
    ("prune", "prune_logs"): ("prune_logs", []),
    ("prune", "prune_airflow"): ("prune_airflow", []),
    ("review_mapping", "propose"): ("proposal", []),
    ("review_mapping", "record"): ("record", [{"scope": "project/3", "model": "pets@1"}, ANSWER]),
}
RESULTS: dict[str, Any] = {  # of functions whose result the task looks into
    "wanted_sources": [],
    "prune_runs": [],
    "prune_logs": PrunedKind(Prunable.LOGS),
    "prune_airflow": PrunedKind(Prunable.AIRFLOW),
}
ELSEWHERE = {("preannotate", "infer")}  # the process that runs the chunk waits


@pytest.fixture(scope="module")
def bag(airflow_database):
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(ROOT / "dags")


def test_this_knows_every_task_of_ours(bag):
    ours = {
        (dag.dag_id, task.task_id)
        for dag in bag.dags.values()
        for task in dag.tasks
        if hasattr(task, "python_callable") or "python_callable" in getattr(task, "partial_kwargs", {})
    }
    assert ours == TASKS.keys() | ELSEWHERE


@pytest.mark.parametrize("task", TASKS, ids="/".join)
def test_a_task_calls_again_what_was_away(bag, monkeypatch, tmp_path, task):
    monkeypatch.setenv("FIRSTPASS_HOME", str(tmp_path))  # whatever stack this checkout has
    dag_id, task_id = task
    name, arguments = TASKS[task]
    calls: list[Any] = []

    def away_once(*given: Any, **named: Any) -> Any:
        calls.append((given, named))
        if len(calls) == 1:
            raise Unavailable("the store is away", "bring it back")
        found = SimpleNamespace(version=SimpleNamespace(reasons=()), ref="pets@1", admitted=True, source="s3://b/p")
        return RESULTS.get(name, found)

    module = importlib.import_module(f"firstpass.nightly.{dag_id}")
    monkeypatch.setattr(module, name, away_once)
    monkeypatch.setattr(waiting, "FIRST_PAUSE", 0.001)
    operator = bag.dags[dag_id].get_task(task_id)
    function = getattr(operator, "python_callable", None) or operator.partial_kwargs["python_callable"]
    context = {"run_id": "a run", "params": PARAMS[dag_id]}
    monkeypatch.setitem(function.__globals__, "get_current_context", lambda: context)
    result = function(*arguments)
    if task_id == "sync":
        list(result)
    assert len(calls) == 2
    assert calls[0] == calls[1]


def test_pruning_waits_for_airflow_s_database(bag, monkeypatch, tmp_path):
    monkeypatch.setenv("FIRSTPASS_HOME", str(tmp_path))
    answers = iter([psycopg2.OperationalError("the database system is starting up"), {}])

    def starting(_: Runs) -> dict[str, Any]:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(Runs, "oldest_unfinished", starting)
    monkeypatch.setattr(waiting, "FIRST_PAUSE", 0.001)
    with pytest.raises(AirflowSkipException):
        bag.dags["prune"].get_task("prune_airflow").python_callable()
    assert next(answers, None) is None

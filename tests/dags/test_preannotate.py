"""What the night's tasks make of the DAG run: what is incomplete is red, and only what failed fails the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from firstpass.contracts.run_error import RunError
from firstpass.errors import FirstpassError
from firstpass.nightly import preannotate
from firstpass.warehouse.merge import fail_chunk, merge_chunk
from firstpass.warehouse.run_failures import begin_stage, fail_run
from firstpass.warehouse.run_list import list_runs
from firstpass.warehouse.runs import finish_run
from fixtures.made_up_runs import row

FILE = Path(__file__).resolve().parents[2] / "dags" / "preannotate.py"


class Killed(BaseException):
    """What no stage catches: as good as a SIGKILL, and the test lives on."""


@pytest.fixture
def run(airflow_database, warehouse, night, monkeypatch):
    """Runs the DAG with its stages made up; gives the DAG run's state and those of its tasks."""
    from airflow.dag_processing.dagbag import DagBag

    dag = DagBag(FILE).dags["preannotate"]
    for task in dag.tasks:
        monkeypatch.setattr(task, "retries", 0, raising=False)

    def go(**stages: Any) -> tuple[str, dict[str, str]]:
        made = {name: lambda *_: "/run" for name in ("admit_model", "check")}
        made |= {"catalogue_images": lambda *_: {}, "plan_chunks": lambda *_: ["/chunks/0.json", "/chunks/1.json"]}
        made |= {"infer": lambda *_: None, "merge": lambda *_: {}}
        for name, function in (made | {"report": lambda *_: "/report"} | stages).items():
            monkeypatch.setattr(preannotate, name, function)
        monkeypatch.setattr(preannotate, "resolve_model", lambda request: night(request.run_id) and "/run")
        ended = dag.test(run_conf={"images": "/photos"})
        states = {f"{task.task_id}{task.map_index}": str(task.state) for task in ended.get_task_instances()}
        return str(ended.state), {name.removesuffix("-1"): state for name, state in states.items()}

    return go


def found(warehouse):
    (run,), _ = list_runs(warehouse)
    return run


def finishing(warehouse, state: str):
    """A report's task that closes the run."""

    def report(_: str) -> str:
        finish_run(warehouse, found(warehouse).run_id, state)
        return "/report"

    return report


def test_a_complete_night_is_green_throughout(run, warehouse):
    state, tasks = run(report=finishing(warehouse, "success"))
    assert state == "success"
    assert set(tasks.values()) == {"success"}


def test_an_incomplete_night_is_a_success_with_one_red_task(run, warehouse, night):
    def merge(*_: Any) -> dict[str, int]:
        made = night(found(warehouse).run_id)
        merge_chunk(warehouse, made.spec, made.chunk(0, [row("file:///a")]))
        fail_chunk(warehouse, made.spec, made.chunk(1, [row("file:///b")], write=False), "the node died")
        return {}

    state, tasks = run(merge=merge, report=finishing(warehouse, "partial"))
    assert state == "success"
    assert [name for name, state in tasks.items() if state == "failed"] == ["confirm_complete"]
    assert found(warehouse).state == "partial"


def test_a_night_that_came_to_nothing_is_a_failed_run(run, warehouse):
    def report(_: str) -> None:
        error = FirstpassError("none of them could be inferred", "run again")
        fail_run(warehouse, found(warehouse).run_id, RunError.of("report", error))
        raise error

    state, tasks = run(report=report)
    assert state == "failed"
    assert (tasks["report"], tasks["confirm_complete"]) == ("failed", "failed")
    assert found(warehouse).error == RunError("report", "none of them could be inferred", "run again")


def test_a_night_whose_task_was_killed_is_closed_by_the_last_one(run, warehouse, caplog):
    def check(_: str) -> None:
        begin_stage(warehouse, found(warehouse).run_id, "check")
        raise Killed

    state, tasks = run(check=check)
    assert state == "failed"
    assert (tasks["check"], tasks["report"], tasks["confirm_complete"]) == ("failed", "upstream_failed", "failed")
    assert (found(warehouse).state, found(warehouse).stage) == ("failed", "check")

"""Every DAG file imports, parses quickly, and carries what an operator looks for."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def bag(airflow_database):
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(ROOT / "dags")


def test_every_file_imports(bag):
    assert bag.import_errors == {}
    files = {path.name for path in (ROOT / "dags").glob("*.py")}
    assert {Path(dag.fileloc).name for dag in bag.dags.values()} == files


def test_every_dag_has_a_home(bag):
    for dag in bag.dags.values():
        assert dag.doc_md, dag.dag_id
        assert "firstpass" in dag.tags, dag.dag_id
        assert dag.catchup is False, dag.dag_id
        assert dag.max_active_runs >= 1, dag.dag_id
        assert dag.dagrun_timeout is not None, dag.dag_id


def test_every_task_can_fail_and_be_tried_again(bag):
    for dag in bag.dags.values():
        for task in dag.tasks:
            assert task.owner == "firstpass", task.task_id
            assert task.retries >= 2, task.task_id
            assert task.execution_timeout is not None, task.task_id
            assert task.execution_timeout <= timedelta(hours=12), task.task_id


def test_every_timeout_leaves_room_for_what_is_waited_for(bag):
    """But for sync_models, whose next run comes within the hour and is not to be kept waiting."""
    hour = timedelta(hours=1)  # FIRSTPASS_WAIT_MINUTES
    for dag in (dag for name, dag in bag.dags.items() if name != "sync_models"):
        longest = max(task.execution_timeout for task in dag.tasks)
        assert min(task.execution_timeout for task in dag.tasks) > hour, dag.dag_id
        assert dag.dagrun_timeout >= longest + hour, dag.dag_id


def test_every_parameter_explains_itself(bag):
    for dag in bag.dags.values():
        for name in dag.params:
            schema = dag.params.get_param(name).schema
            for key in ("title", "section", "description_md"):
                assert schema.get(key), f"{dag.dag_id}.{name} has no {key}"
            if schema["type"] == "string" and "enum" not in schema:
                assert "maxLength" in schema or "pattern" in schema, f"{dag.dag_id}.{name} is unbounded"


def test_the_reference_has_every_dag_and_parameter(bag):
    reference = (ROOT / "docs" / "reference" / "dags.md").read_text()
    sections = dict(re.findall(r"^## `(\w+)`\n(.*?)(?=^## |\Z)", reference, re.MULTILINE | re.DOTALL))
    for dag in bag.dags.values():
        for name in dag.params:
            assert re.search(rf"^\| `{name}` \|", sections[dag.dag_id], re.MULTILINE), f"{dag.dag_id}.{name}"


def test_the_night_goes_through_the_rooms_in_order(bag):
    dag = bag.dags["preannotate"]
    order = [
        "resolve_model",
        "admit_model",
        "catalogue_images",
        "plan_chunks",
        "infer",
        "merge",
        "check",
        "report",
        "confirm_complete",
    ]
    assert [t.task_id for t in dag.topological_sort()] == order


def test_a_new_installation_waits_for_its_first_night(bag):
    """A start date in the past would make Airflow run last night at once, beside what the person asks for."""
    from airflow.serialization.encoders import coerce_to_core_timetable
    from airflow.timetables.base import TimeRestriction

    now = datetime.now(UTC)
    for name in ("preannotate", "sync_models", "publish"):
        info = coerce_to_core_timetable(bag.dags[name].timetable).next_dagrun_info(
            last_automated_data_interval=None, restriction=TimeRestriction(None, None, catchup=False)
        )
        assert bag.dags[name].start_date is None, name
        assert info.run_after > now, name


def test_a_night_tells_those_who_are_named_and_otherwise_nobody(bag, monkeypatch):
    from airflow.dag_processing.dagbag import DagBag

    from firstpass.settings import settings

    assert not bag.dags["preannotate"].has_on_success_callback
    assert bag.dags["preannotate"].has_on_failure_callback  # which records the failure
    assert not bag.dags["preannotate"].deadline

    monkeypatch.setenv("FIRSTPASS_NOTIFY_EMAIL", "ann@example.org")
    monkeypatch.setenv("FIRSTPASS_DEADLINE_MINUTES", "45")
    settings.cache_clear()
    dag = DagBag(ROOT / "dags" / "preannotate.py").dags["preannotate"]
    assert dag.has_on_success_callback
    assert dag.has_on_failure_callback
    (deadline,) = dag.deadline
    assert deadline.interval == timedelta(minutes=45)
    assert deadline.callback.path == "firstpass.airflow.notifications.deadline_missed"
    settings.cache_clear()

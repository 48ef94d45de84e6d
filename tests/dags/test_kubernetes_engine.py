"""With FIRSTPASS_ENGINE=kubernetes the same DAG maps KubernetesPodOperator over the same chunks."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def dag(airflow_database, monkeypatch):
    from airflow.dag_processing.dagbag import DagBag

    monkeypatch.setenv("FIRSTPASS_ENGINE", "kubernetes")
    monkeypatch.setenv("FIRSTPASS_KUBERNETES_LABELS", '{"cost-centre": "vision"}')
    _forget_settings()
    bag = DagBag(ROOT / "dags" / "preannotate.py")
    yield bag.dags["preannotate"]
    _forget_settings()


def _forget_settings() -> None:
    from firstpass.settings import settings

    settings.cache_clear()
    sys.modules.pop("firstpass.airflow.dag_wiring", None)  # it reads them when imported


def test_a_chunk_is_a_pod_in_the_pool(dag):
    task = dag.get_task("infer_in_pod")
    assert task.operator_class.__mro__[1].__name__ == "KubernetesPodOperator"
    assert task.pool == "gpu"
    given = task.partial_kwargs
    pod = given["full_pod_spec"]
    assert pod.spec.active_deadline_seconds == (240 + 60) * 60
    assert pod.metadata.labels["cost-centre"] == "vision"
    assert given["execution_timeout"].total_seconds() > pod.spec.active_deadline_seconds
    assert given["retries"] >= 1
    assert given["retry_exponential_backoff"]


def test_the_form_offers_both_engines_and_starts_with_the_configured_one(dag):
    param = dag.params.get_param("engine")
    assert param.value == "kubernetes"
    assert param.schema["enum"] == ["kubernetes", "local"]


def test_the_engine_is_chosen_after_planning_and_merged_after(dag):
    assert dag.get_task("choose_engine").upstream_task_ids == {"plan_chunks", "resolve_model"}
    assert dag.get_task("choose_engine").downstream_task_ids == {"infer", "infer_in_pod"}
    assert {"infer", "infer_in_pod"} <= dag.get_task("merge").upstream_task_ids


def test_the_dag_survives_serialization(dag):
    from airflow.serialization.serialized_objects import DagSerialization

    again = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag))
    assert again.get_task("infer_in_pod").is_mapped

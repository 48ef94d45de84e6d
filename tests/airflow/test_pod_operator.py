"""Airflow's own pod operator, told what a chunk's pod looks like and what its exit codes mean."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from kubernetes.client import V1Pod

from firstpass.airflow.pod_operator import InferencePod, pod_arguments
from firstpass.errors import FirstpassError
from firstpass.settings import Settings


class PodFailed(Exception):
    """What the provider raises."""


def ended(*containers: tuple[str, int | None]) -> Any:
    """A pod whose containers ended with these exit codes; None for one that still runs."""
    statuses = [
        SimpleNamespace(
            name=name, state=SimpleNamespace(terminated=None if code is None else SimpleNamespace(exit_code=code))
        )
        for name, code in containers
    ]
    return SimpleNamespace(
        metadata=SimpleNamespace(name="firstpass-infer-x1"), status=SimpleNamespace(container_statuses=statuses)
    )


@pytest.fixture
def operator() -> InferencePod:
    return InferencePod(task_id="infer", arguments=["infer", "/chunk"], **pod_arguments(Settings()))


@pytest.fixture
def provider_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def cleanup(*_: Any, **__: Any) -> None:
        raise PodFailed("pod failed")

    monkeypatch.setattr(KubernetesPodOperator, "cleanup", cleanup)


def test_a_pod_that_needs_a_person_is_not_tried_again(operator, provider_fails):
    with pytest.raises(FirstpassError, match="the pod firstpass-infer-x1 needs a person") as caught:
        operator.cleanup(None, ended(("istio", 0), ("base", 2)))
    assert isinstance(caught.value.__cause__, PodFailed)


@pytest.mark.parametrize(
    "pod",
    [ended(("base", 1)), ended(("base", 137)), ended(("istio", 2), ("base", 1)), ended(("base", None)), ended(),
     SimpleNamespace(status=SimpleNamespace(container_statuses=None))],
)  # fmt: skip
def test_any_other_end_is_what_the_provider_says(operator, provider_fails, pod):
    with pytest.raises(PodFailed):
        operator.cleanup(None, pod)


def test_a_pod_that_went_well_is_cleaned_up_by_the_provider(operator, monkeypatch):
    given: list[Any] = []
    monkeypatch.setattr(
        KubernetesPodOperator, "cleanup", lambda self, *arguments, **named: given.append((arguments, named))
    )
    operator.cleanup("pod", ended(("base", 2)), "xcom", context={})
    assert given[0][0][::2] == ("pod", "xcom")
    assert given[0][1] == {"context": {}}


def test_what_a_pod_is_given_follows_from_the_settings():
    chosen = Settings(
        kubernetes_conn_id="cluster",
        kubernetes_namespace="night",
        kubernetes_pool="v100",
        kubernetes_deadline_minutes=30,
        kubernetes_startup_minutes=7,
        kubernetes_deferrable=True,
    )
    given = pod_arguments(chosen)
    pod = given.pop("full_pod_spec")
    assert isinstance(pod, V1Pod)
    assert pod.spec.active_deadline_seconds == 1800
    assert [container.name for container in pod.spec.containers] == ["base"]
    assert given == {
        "kubernetes_conn_id": "cluster",
        "namespace": "night",
        "name": "firstpass-infer",
        "cmds": ["firstpass"],
        "pool": "v100",
        "execution_timeout": timedelta(minutes=7 + 30 + 10),
        "startup_timeout_seconds": 420,
        "deferrable": True,
        "do_xcom_push": False,
        "on_finish_action": "delete_pod",
        "log_events_on_failure": True,
        "log_pod_spec_on_failure": False,
        "container_name_log_prefix_enabled": False,
    }


def test_without_a_connection_the_pod_uses_the_cluster_that_airflow_runs_in():
    given = pod_arguments(Settings(kubernetes_conn_id=""))
    assert given["kubernetes_conn_id"] is None
    assert given["deferrable"] is False


def test_a_template_that_cannot_be_used_is_told_before_anything_runs(tmp_path):
    with pytest.raises(FirstpassError, match="cannot be read"):
        pod_arguments(Settings(kubernetes_pod_template=str(tmp_path / "none.yaml")))

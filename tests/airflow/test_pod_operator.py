"""Airflow's own pod operator, told what a chunk's pod looks like and what its exit codes mean."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from kubernetes.client import ApiException, V1Pod
from kubernetes.client.exceptions import ServiceException
from urllib3.exceptions import MaxRetryError

from doubles.kubernetes import ApiFault, KubernetesDouble, kubernetes_double, quota_used_up
from doubles.kubernetes.pod import Cluster
from firstpass import waiting
from firstpass.airflow.pod_operator import InferencePod, pod_arguments
from firstpass.errors import FirstpassError, Unavailable, WaitedInVain
from firstpass.settings import Settings, settings


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


def test_a_pod_that_waited_in_vain_is_no_killed_one(operator, provider_fails):
    with pytest.raises(WaitedInVain, match="the pod firstpass-infer-x1 waited long enough"):
        operator.cleanup(None, ended(("base", 75)))


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
        wait_minutes=5,
        kubernetes_deferrable=True,
    )
    given = pod_arguments(chosen)
    pod = given.pop("full_pod_spec")
    assert isinstance(pod, V1Pod)
    assert pod.spec.active_deadline_seconds == (30 + 5) * 60
    assert [container.name for container in pod.spec.containers] == ["base"]
    assert given == {
        "kubernetes_conn_id": "cluster",
        "namespace": "night",
        "name": "firstpass-infer",
        "cmds": ["firstpass"],
        "pool": "v100",
        "execution_timeout": timedelta(minutes=5 + 7 + 30 + 5 + 10),
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


class Noted:
    """A task instance: what Airflow would write down."""

    dag_id, task_id, run_id, map_index, try_number = "preannotate", "infer_in_pod", "night-1", 0, 1
    pushed: dict[str, Any]

    def __init__(self) -> None:
        self.pushed = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value


@pytest.fixture
def cluster(tmp_path, monkeypatch) -> Iterator[KubernetesDouble]:
    """The cluster's double behind the connection `cluster`; nothing is waited for longer than a moment."""
    with kubernetes_double(tmp_path, Cluster({"firstpass": "/bin/echo"}, {"firstpass-inference": {}})) as double:
        connection = {"conn_type": "kubernetes", "extra": {"kube_config_path": str(double.kubeconfig)}}
        monkeypatch.setenv("AIRFLOW_CONN_CLUSTER", json.dumps(connection))
        monkeypatch.setattr(waiting, "FIRST_PAUSE", 0.05)
        yield double


def run_pod() -> Noted:
    """One try of a chunk's task; its pod says its arguments and is well."""
    operator = InferencePod(
        task_id="infer_in_pod",
        arguments=["infer", "s3://b/chunks/0.json"],
        startup_check_interval_seconds=0.1,
        **pod_arguments(Settings(kubernetes_conn_id="cluster", kubernetes_gpus=0)),
    )
    noted = Noted()
    run = SimpleNamespace(run_id=noted.run_id)
    operator.execute({"ti": noted, "run_id": noted.run_id, "dag_run": run, "dag": SimpleNamespace(dag_id=noted.dag_id)})
    return noted


def test_a_quota_without_room_is_waited_for_within_the_try(cluster, caplog):
    cluster.api_faults = [quota_used_up(times=3)]
    noted = run_pod()
    assert len(cluster.created) == 1
    assert noted.pushed["pod_name"] == cluster.created[0]["metadata"]["name"]
    assert caplog.text.count("the namespace's quota has no room for another pod") == 3
    assert "exceeded quota: gpus" in caplog.text
    assert "It is back after" in caplog.text


def test_an_api_that_is_away_does_not_cost_the_pod_that_runs(cluster, caplog, monkeypatch):
    """The provider asks five times within half a minute, then gives up and would delete the pod."""
    watch, lost = KubernetesPodOperator.await_pod_completion, [ServiceException(503), MaxRetryError(None, "/pods")]

    def gives_up(self, pod):
        if lost:
            raise lost.pop(0)
        watch(self, pod)

    monkeypatch.setattr(KubernetesPodOperator, "await_pod_completion", gives_up)
    run_pod()
    assert len(cluster.created) == 1
    assert "the cluster's API answers 503" in caplog.text
    assert "the cluster's API does not answer" in caplog.text
    deleted = [index for index, request in enumerate(cluster.requests) if request.startswith("DELETE")]
    assert deleted == [len(cluster.requests) - 1]


def test_no_rights_are_not_waited_for(cluster):
    cluster.api_faults = [ApiFault("^POST /.*/pods$", 403, message="pods is forbidden: User may not create")]
    with pytest.raises(ApiException, match="may not create"):
        run_pod()
    assert cluster.created == []


def test_after_the_patience_it_is_unavailable(cluster, monkeypatch):
    monkeypatch.setenv("FIRSTPASS_WAIT_MINUTES", "0.005")
    settings.cache_clear()
    cluster.api_faults = [quota_used_up(times=1000)]
    with pytest.raises(Unavailable, match=r"has no room for another pod.* \(waited for"):
        run_pod()
    monkeypatch.undo()
    settings.cache_clear()

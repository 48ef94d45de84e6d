"""The cluster's double behaves as Kubernetes does, where KubernetesPodOperator looks."""

from __future__ import annotations

import time

import pytest
from kubernetes import client, config

from doubles.kubernetes import (
    ApiFault,
    evicted,
    image_missing,
    kubernetes_double,
    node_gone,
    node_lost,
    out_of_memory,
    unschedulable,
)
from doubles.kubernetes.faults import UNSCHEDULABLE
from doubles.kubernetes.pod import NODE, Cluster
from doubles.kubernetes.selectors import matches

CLUSTER = Cluster({"shell": "/bin/sh"}, {"tools": {"FROM_IMAGE": "image"}}, {"keys": {"FROM_SECRET": "secret"}})


@pytest.fixture(scope="module")
def double(tmp_path_factory):
    with kubernetes_double(tmp_path_factory.mktemp("cluster"), CLUSTER) as server:
        yield server


@pytest.fixture
def api(double):
    found = client.CoreV1Api(config.new_client_from_config(str(double.kubeconfig)))
    yield found
    for pod in found.list_namespaced_pod("work").items:
        found.delete_namespaced_pod(pod.metadata.name, "work", grace_period_seconds=1)


def make(api, name: str, script: str, **spec) -> None:
    base = {
        "name": "base",
        "image": spec.pop("image", "tools"),
        "command": ["shell", "-c"],
        "args": [script],
        "env": [
            {"name": "CACHE", "value": "/cache"},
            {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
        ],
        "envFrom": [{"secretRef": {"name": spec.pop("secret", "keys")}}],
        "volumeMounts": [{"name": "cache", "mountPath": "/cache"}],
    }
    body = {"metadata": {"name": name, "labels": {"app": name}}, "spec": {"containers": [base], **spec}}
    body["spec"]["volumes"] = [{"name": "cache", "emptyDir": {}}]
    api.create_namespaced_pod("work", body)


def ended(api, name: str, seconds: float = 10):
    deadline = time.monotonic() + seconds
    while (pod := api.read_namespaced_pod(name, "work")).status.phase not in ("Succeeded", "Failed"):
        assert time.monotonic() < deadline, pod.status
        time.sleep(0.02)
    return pod


def base(pod):
    return pod.status.container_statuses[0].state


def test_a_pod_runs_its_command_with_its_environment_and_keeps_its_log(api):
    make(api, "well", 'echo "$FROM_IMAGE $FROM_SECRET $NODE"; cd "$CACHE" && touch x && echo in the cache')
    pod = ended(api, "well")
    assert (pod.status.phase, base(pod).terminated.exit_code) == ("Succeeded", 0)
    assert _log(api, "well") == f"image secret {NODE}\nin the cache\n"
    stamped = _log(api, "well", timestamps=True, follow=True).splitlines()
    assert [line.split(" ", 1)[1] for line in stamped] == [f"image secret {NODE}", "in the cache"]


def test_a_failure_has_its_exit_code(api):
    make(api, "ill", "exit 3")
    pod = ended(api, "ill")
    assert (pod.status.phase, base(pod).terminated.exit_code) == ("Failed", 3)


@pytest.mark.parametrize(
    ("fault", "reason", "container_reason"),
    [(out_of_memory(bool), None, "OOMKilled"), (evicted(bool), "Evicted", "Error")],
)
def test_a_killed_pod_says_why(api, double, fault, reason, container_reason):
    double.pod_faults.append(fault)
    make(api, "killed", "echo begun; sleep 30")
    pod = ended(api, "killed")
    assert (pod.status.phase, pod.status.reason) == ("Failed", reason)
    assert base(pod).terminated.exit_code == 137
    assert base(pod).terminated.reason == container_reason


def test_a_quota_is_of_what_runs(api, double):
    double.quota = {"pods": 1}
    make(api, "first", "sleep 30")
    with pytest.raises(
        client.ApiException, match="exceeded quota: firstpass, requested: pods=1, used: pods=1, limited: pods=1"
    ):
        make(api, "second", "true")
    double.quota = {}


def test_a_pod_finds_a_node_when_there_is_one(api, double):
    double.pod_faults.append(unschedulable(lambda: bool(found)))
    found = []
    make(api, "early", "true")
    time.sleep(0.2)
    pod = api.read_namespaced_pod("early", "work")
    assert (pod.status.phase, pod.status.conditions[0].message) == ("Pending", UNSCHEDULABLE)
    found.append("a node")
    assert ended(api, "early").status.phase == "Succeeded"


def test_a_pod_goes_with_its_node(api, double):
    double.pod_faults.extend([node_gone(bool), node_lost(bool)])
    make(api, "vanishes", "echo begun; sleep 30")
    make(api, "stays", "echo begun; sleep 30")
    deadline = time.monotonic() + 10
    while "vanishes" in {pod.metadata.name for pod in api.list_namespaced_pod("work").items}:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    while (pod := api.read_namespaced_pod("stays", "work")).metadata.deletion_timestamp is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert (pod.status.phase, pod.status.reason) == ("Running", "NodeLost")
    double.pods.clear()


def test_a_deadline_ends_a_pod(api):
    make(api, "slow", "sleep 30", activeDeadlineSeconds=1)
    assert ended(api, "slow").status.reason == "DeadlineExceeded"


def test_an_image_that_is_not_there_keeps_a_pod_waiting(api, double):
    double.pod_faults.append(image_missing())
    make(api, "scripted", "true")
    make(api, "unknown", "true", image="elsewhere")
    make(api, "keyless", "true", secret="lost")
    time.sleep(0.5)
    for name, reason in (
        ("scripted", "ErrImagePull"),
        ("unknown", "ErrImagePull"),
        ("keyless", "CreateContainerConfigError"),
    ):
        pod = api.read_namespaced_pod(name, "work")
        assert (pod.status.phase, base(pod).waiting.reason) == ("Pending", reason)


def test_a_deleted_pod_gets_sigterm_first(api):
    make(api, "patient", 'trap "echo bye; exit 0" TERM; echo ready; while true; do sleep 0.05; done')
    deadline = time.monotonic() + 10
    while "ready" not in _log(api, "patient"):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    stream = api.read_namespaced_pod_log("patient", "work", follow=True, _preload_content=False)
    api.delete_namespaced_pod("patient", "work")
    assert b"".join(stream).decode() == "ready\nbye\n"
    while "patient" in [pod.metadata.name for pod in api.list_namespaced_pod("work").items]:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    with pytest.raises(client.ApiException, match="404"):
        api.read_namespaced_pod("patient", "work")


def test_nothing_without_the_token(double):
    stranger = client.CoreV1Api(config.new_client_from_config(str(double.kubeconfig)))
    stranger.api_client.configuration.api_key = {}
    with pytest.raises(client.ApiException, match="401"):
        stranger.list_namespaced_pod("work")


def test_requests_fail_on_demand(api, double):
    double.api_faults = [ApiFault("^GET .*/pods$", 500)]
    with pytest.raises(client.ApiException, match="500"):
        api.list_namespaced_pod("work")
    assert api.list_namespaced_pod("work").items == []


@pytest.mark.parametrize(
    ("selector", "fits"),
    [
        ("", True),
        ("dag_id=preannotate,kubernetes_pod_operator=True", True),
        ("dag_id==preannotate", True),
        ("dag_id!=preannotate", False),
        ("already_checked!=True", True),
        ("!airflow-worker", True),
        ("!dag_id", False),
        ("dag_id", True),
        ("dag_id in (a, preannotate)", True),
        ("dag_id notin (a,preannotate),dag_id", False),
    ],
)
def test_selectors(selector, fits):
    assert matches(selector, {"dag_id": "preannotate", "kubernetes_pod_operator": "True"}) is fits


def test_a_malformed_selector_is_an_error():
    with pytest.raises(ValueError, match="unable to parse"):
        matches("a b c", {})


def _log(api, name: str, **options) -> str:
    try:
        raw = api.read_namespaced_pod_log(name, "work", _preload_content=False, **options)
    except client.ApiException:
        return ""
    return b"".join(raw).decode()

"""The cluster's API, rights and quota, asked for without making a pod."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from doubles.kubernetes import KubernetesDouble, kubernetes_double
from doubles.kubernetes.pod import Cluster
from firstpass.airflow.cluster_examination import NEEDED, examine_cluster
from firstpass.findings import Standing
from firstpass.settings import settings

TEMPLATE = Path(__file__).resolve().parents[2] / "docker" / "kubernetes" / "inference-pod.yaml"


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KubernetesDouble]:
    with kubernetes_double(tmp_path, Cluster({}, {})) as double:
        connection = {"conn_type": "kubernetes", "extra": {"kube_config_path": str(double.kubeconfig)}}
        monkeypatch.setenv("AIRFLOW_CONN_THE_CLUSTER", json.dumps(connection))
        monkeypatch.setenv("FIRSTPASS_ENGINE", "kubernetes")
        monkeypatch.setenv("FIRSTPASS_KUBERNETES_CONN_ID", "the_cluster")
        monkeypatch.setenv("FIRSTPASS_KUBERNETES_POD_TEMPLATE", str(TEMPLATE))
        settings.cache_clear()
        yield double
        settings.cache_clear()


def told(standing: Standing) -> str:
    return "\n".join(f.words for f in examine_cluster() if f.standing is standing)


def test_all_is_well_and_nothing_is_made(cluster):
    cluster.quota = {"requests.nvidia.com/gpu": 4}
    assert told(Standing.PROBLEM) == ""
    words = told(Standing.OK)
    for part in ("Kubernetes v1.33.1", "in the namespace firstpass", "firstpass: requests.nvidia.com/gpu 0 of 4"):
        assert part in words
    assert cluster.created == []


def test_rights_that_are_missing_are_named(cluster):
    cluster.denied = {"create pods", "get pods/log"}
    assert told(Standing.PROBLEM) == "in the namespace firstpass it is not allowed to create pods, get pods/log"


def test_a_quota_of_zero_is_a_problem(cluster):
    cluster.quota = {"pods": 10, "requests.nvidia.com/gpu": 0}
    assert told(Standing.PROBLEM) == "firstpass leaves no requests.nvidia.com/gpu"


def test_a_quota_that_may_not_be_read_is_no_problem(cluster):
    cluster.denied = {"list resourcequotas"}
    assert told(Standing.PROBLEM) == ""


def test_credentials_that_are_refused(cluster):
    cluster.token = "another"
    assert "the API answers 401" in told(Standing.PROBLEM)


def test_an_api_that_is_away(cluster):
    config = cluster.kubeconfig.read_text()
    cluster.kubeconfig.write_text(config.replace(cluster.url, "https://127.0.0.1:9"))
    assert "the API does not answer" in told(Standing.PROBLEM)


def test_a_pod_template_that_cannot_be_used(cluster, monkeypatch, tmp_path):
    monkeypatch.setenv("FIRSTPASS_KUBERNETES_POD_TEMPLATE", str(tmp_path / "nothing.yaml"))
    settings.cache_clear()
    assert "nothing.yaml cannot be read" in told(Standing.PROBLEM)


def test_the_local_engine_needs_none():
    assert [f.standing for f in examine_cluster()] == [Standing.UNUSED]


def test_the_role_that_is_shipped_allows_what_is_asked_for():
    documents = yaml.safe_load_all((TEMPLATE.parent / "rbac.yaml").read_text())
    (role,) = (each for each in documents if each["kind"] == "Role")
    allowed = {(verb, resource) for rule in role["rules"] for verb in rule["verbs"] for resource in rule["resources"]}
    for verb, resource, sub in NEEDED:
        assert (verb, f"{resource}/{sub}" if sub else resource) in allowed

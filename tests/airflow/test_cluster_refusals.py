"""Which answers of a cluster only a person can change."""

from __future__ import annotations

import json

import pytest
from kubernetes.client import ApiException

from firstpass.airflow.cluster_refusals import cluster_refusal
from firstpass.errors import Unavailable


def answer(status: int, message: str) -> ApiException:
    error = ApiException(status, "by the test")
    error.body = json.dumps({"kind": "Status", "message": message})
    return error


def quota(asked: str, limited: str) -> ApiException:
    said = f"exceeded quota: firstpass, requested: {asked}, used: {asked}, limited: {limited}"
    return answer(403, f'pods "x" is forbidden: {said}')


@pytest.mark.parametrize(
    ("asked", "limited", "never"),
    [
        ("requests.nvidia.com/gpu=1", "requests.nvidia.com/gpu=0", "requests.nvidia.com/gpu=1, and 0 is"),
        ("pods=1", "pods=8", None),
        ("pods=1,requests.cpu=2", "pods=8,requests.cpu=1500m", "requests.cpu=2, and 1500m is"),
        ("requests.memory=8Gi", "requests.memory=8Gi", None),
        ("requests.memory=8Gi", "requests.memory=8G", "requests.memory=8Gi, and 8G is"),
        ("requests.cpu=2", "limits.cpu=1", None),
        ("requests.cpu=two", "requests.cpu=1", None),
        ("nonsense", "nonsense", None),
    ],
)
def test_a_quota_is_waited_for_unless_a_pod_never_fits_it(asked, limited, never):
    found = cluster_refusal(quota(asked, limited))
    if never is None:
        assert found is None
    else:
        assert f"never fits the namespace's quota firstpass: it asks for {never}" in found.problem
        assert not isinstance(found, Unavailable)


@pytest.mark.parametrize(
    ("error", "problem", "fix"),
    [
        (
            answer(403, 'pods "x" is forbidden: error looking up service account ml/infer: serviceaccount "infer" not'),
            "the namespace ml has no service account infer",
            "FIRSTPASS_KUBERNETES_SERVICE_ACCOUNT",
        ),
        (answer(404, 'namespaces "ml" not found'), "no namespace ml", "FIRSTPASS_KUBERNETES_NAMESPACE"),
        (
            answer(403, "is forbidden: failed quota: q: must specify limits.cpu for: log"),
            "limits.cpu for: log",
            "template",
        ),
        (answer(403, 'violates PodSecurity "restricted:latest": privileged'), "privileged", "security contexts"),
        (answer(403, 'User "me" cannot create resource "pods"'), 'User "me" cannot create', "rbac.yaml"),
        (answer(422, 'Pod "x" is invalid: spec.volumes[0].name'), "spec.volumes[0].name", "pod template"),
    ],
)
def test_a_refusal_says_what_and_what_to_do(error, problem, fix):
    found = cluster_refusal(error)
    assert problem in found.problem
    assert fix in found.fix
    assert not isinstance(found, Unavailable)


@pytest.mark.parametrize(
    "error",
    [*(answer(status, "by the test") for status in (400, 401, 404, 409, 429, 500, 503)), RuntimeError("x")],
    ids=repr,
)
def test_what_may_be_otherwise_later_or_at_another_try(error):
    assert cluster_refusal(error) is None


def test_an_answer_that_is_no_json_is_cited_as_it_is():
    error = ApiException(403, "Forbidden")
    error.body = "<html>a proxy\nsays no</html>"
    assert "<html>a proxy says no</html>" in cluster_refusal(error).problem

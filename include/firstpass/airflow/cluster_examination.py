"""Whether chunks can run in the cluster: its API, what may be done in the namespace, and what its quota leaves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from firstpass import findings
from firstpass.airflow.pod_manifest import pod
from firstpass.errors import FirstpassError
from firstpass.findings import Finding
from firstpass.settings import Settings, settings

ITEM = "cluster"
# What KubernetesPodOperator and its trigger ask for: verb, resource, subresource.
NEEDED = (
    ("create", "pods", ""), ("get", "pods", ""), ("list", "pods", ""), ("patch", "pods", ""), ("delete", "pods", ""),
    ("get", "pods", "log"), ("list", "events", ""),
)  # fmt: skip
_TIMEOUT = 10  # seconds per request
_FIX = "bind the role of docker/kubernetes to the user of the connection, in this namespace"


def examine_cluster() -> list[Finding]:
    """Asks the API; makes no pod. What quota there is is told only where it may be read."""
    chosen = settings()
    if chosen.engine != "kubernetes":
        return [findings.unused(ITEM, "chunks run on this machine (FIRSTPASS_ENGINE is local)")]
    try:
        pod(chosen)
    except FirstpassError as error:
        template = [findings.problem("pod template", error.problem, error.fix)]
    else:
        template = []
    return [*template, *_asked(chosen)]


def _asked(chosen: Settings) -> Iterator[Finding]:
    from kubernetes.client import ApiException, VersionApi
    from urllib3.exceptions import HTTPError

    where = chosen.kubernetes_conn_id or "the cluster that this runs in"
    try:
        api = _client(chosen)
        version = VersionApi(api).get_code(_request_timeout=_TIMEOUT).git_version
        yield findings.ok(ITEM, f"Kubernetes {version} ({where})")
        yield from _rights(api, chosen.kubernetes_namespace)
        yield from _quotas(api, chosen.kubernetes_namespace)
    except ApiException as error:
        yield findings.problem(
            ITEM,
            f"the API answers {error.status} {error.reason}",
            "correct the connection in FIRSTPASS_KUBERNETES_CONN_ID",
        )
    except HTTPError as error:
        yield findings.problem(
            ITEM, f"the API does not answer: {error}",
            "bring the cluster's API back, or correct the connection in FIRSTPASS_KUBERNETES_CONN_ID",
        )  # fmt: skip


def _client(chosen: Settings) -> Any:
    from airflow.providers.cncf.kubernetes.hooks.kubernetes import KubernetesHook

    api = KubernetesHook(conn_id=chosen.kubernetes_conn_id or None).api_client
    api.configuration.retries = 1
    return api


def _rights(api: Any, namespace: str) -> Iterator[Finding]:
    from kubernetes.client import AuthorizationV1Api

    missing = []
    for verb, resource, sub in NEEDED:
        attributes = {"namespace": namespace, "verb": verb, "resource": resource, "subresource": sub}
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
                "spec": {"resourceAttributes": attributes}}  # fmt: skip
        review = AuthorizationV1Api(api).create_self_subject_access_review(body, _request_timeout=_TIMEOUT)
        if not review.status.allowed:
            missing.append(f"{verb} {resource}" + (f"/{sub}" if sub else ""))
    if missing:
        yield findings.problem(ITEM, f"in the namespace {namespace} it is not allowed to {', '.join(missing)}", _FIX)
    else:
        yield findings.ok("its rights", f"pods can be made, watched and deleted in the namespace {namespace}")


def _quotas(api: Any, namespace: str) -> Iterator[Finding]:
    from kubernetes.client import ApiException, CoreV1Api

    try:
        quotas = CoreV1Api(api).list_namespaced_resource_quota(namespace, _request_timeout=_TIMEOUT).items
    except ApiException as error:
        if error.status != 403:
            raise
        return  # least rights do without
    for quota in quotas:
        used = quota.status.used or {}
        hard = quota.status.hard or {}
        words = ", ".join(f"{name} {used.get(name, '0')} of {limit}" for name, limit in sorted(hard.items()))
        nothing = [name for name, limit in hard.items() if limit == "0"]
        if nothing:
            yield findings.problem(
                "its quota", f"{quota.metadata.name} leaves no {', '.join(nothing)}", "raise the quota of the namespace"
            )
        else:
            yield findings.ok("its quota", f"{quota.metadata.name}: {words}")

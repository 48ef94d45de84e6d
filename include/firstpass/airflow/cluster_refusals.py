"""Which answers of a cluster's API no waiting changes: no rights, no such service account, a quota that never fits."""

from __future__ import annotations

import json
import re
from contextlib import suppress

from kubernetes.client import ApiException
from kubernetes.utils import parse_quantity

from firstpass.errors import FirstpassError

_QUOTA = re.compile(r"exceeded quota: (.+?), requested: (.+?), used: .+?, limited: (.+)")
_ACCOUNT = re.compile(r"error looking up service account (\S+?)/(\S+?):")
_NAMESPACE = re.compile(r'namespaces "(.+?)" not found')

_SIZE = "lower what a pod asks for (FIRSTPASS_KUBERNETES_CPU, _MEMORY, _GPUS)"


def said(error: ApiException) -> str:
    """What the API says, in its own words and on one line."""
    text = str(error.body or error.reason)
    with suppress(ValueError, KeyError, TypeError):
        text = str(json.loads(text)["message"])
    return " ".join(text.split())[:500]


def cluster_refusal(error: BaseException) -> FirstpassError | None:
    """The answer as an error that a person must put right; None for one that another try may not meet."""
    if not isinstance(error, ApiException):
        return None
    words = said(error)
    if error.status == 404 and (namespace := _NAMESPACE.search(words)):
        return FirstpassError(
            f"the cluster has no namespace {namespace[1]}",
            "create it (kubectl apply --kustomize docker/kubernetes), or correct FIRSTPASS_KUBERNETES_NAMESPACE",
        )
    if error.status == 422:
        return FirstpassError(
            f"the cluster does not take the pod: {words}",
            "correct the pod template (FIRSTPASS_KUBERNETES_POD_TEMPLATE) or the setting it came from",
        )
    return _forbidden(words) if error.status == 403 else None


def _forbidden(words: str) -> FirstpassError | None:
    if "exceeded quota" in words:
        return _too_small_a_quota(words)
    if account := _ACCOUNT.search(words):
        return FirstpassError(
            f"the namespace {account[1]} has no service account {account[2]}",
            "create it (kubectl apply --kustomize docker/kubernetes), or correct FIRSTPASS_KUBERNETES_SERVICE_ACCOUNT"
            " or the pod template's serviceAccountName",
        )
    if "failed quota" in words:
        return FirstpassError(
            f"the namespace's quota wants to know more of the pod: {words}",
            "state it in the pod template, for each of its containers",
        )
    if "PodSecurity" in words:
        return FirstpassError(
            f"the namespace's security level forbids the pod: {words}",
            "correct the security contexts and volumes of the pod template, or the namespace's level",
        )
    return FirstpassError(
        f"the cluster forbids it: {words}",
        "give Airflow's service account the rights of docker/kubernetes/rbac.yaml, or correct what the answer names",
    )


def _too_small_a_quota(words: str) -> FirstpassError | None:
    """None where the pod fits when others are done."""
    if not (match := _QUOTA.search(words)):
        return None
    asked, limits = _amounts(match[2]), _amounts(match[3])
    for resource, amount in asked.items():
        limit = limits.get(resource)
        try:
            never = limit is not None and parse_quantity(amount) > parse_quantity(limit)
        except ValueError:
            never = False
        if never:
            return FirstpassError(
                f"a pod never fits the namespace's quota {match[1]}: it asks for {resource}={amount}, and {limit} is"
                " all that the namespace may have",
                f"raise the quota (docker/kubernetes/quota.yaml), or {_SIZE}",
            )
    return None


def _amounts(text: str) -> dict[str, str]:
    """Of `pods=1,requests.memory=8Gi`."""
    return dict(pair.split("=", 1) for pair in text.split(",") if "=" in pair)

"""Which answers of a cluster's API mean: not now. A quota that is used up is one of them."""

from __future__ import annotations

from kubernetes.client import ApiException
from urllib3.exceptions import HTTPError

from firstpass.airflow.cluster_refusals import said
from firstpass.errors import Unavailable

# 409: a pod whose first request was answered by nobody is there already, and is found when it is looked for again.
_NOT_NOW = frozenset({409, 429, 500, 502, 503, 504})


def cluster_outage(error: BaseException) -> Unavailable | None:
    """The error as something to wait for; None for one of another kind: no rights, no such namespace.

    A quota that a pod can never fit is told apart by `cluster_refusal`, which goes first.
    """
    if isinstance(error, ApiException):
        if error.status == 403 and "exceeded quota" in said(error):
            return Unavailable(
                f"the namespace's quota has no room for another pod: {said(error)}",
                "wait until other pods are done, raise the quota, or lower FIRSTPASS_WORKERS",
            )
        if error.status in _NOT_NOW:
            return Unavailable(f"the cluster's API answers {error.status}: {said(error)}", _FIX)
        return None
    if isinstance(error, HTTPError) and "CERTIFICATE_VERIFY_FAILED" not in str(error):
        return Unavailable(f"the cluster's API does not answer: {error}", _FIX)
    if type(error).__name__ == "KubernetesApiException" and error.__context__:  # the provider's, around an HTTPError
        return cluster_outage(error.__context__)
    return None


_FIX = "bring the cluster's API back, or correct the connection in FIRSTPASS_KUBERNETES_CONN_ID"

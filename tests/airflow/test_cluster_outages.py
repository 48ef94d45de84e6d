"""Which answers of a cluster are worth waiting for."""

from __future__ import annotations

import pytest
from airflow.providers.cncf.kubernetes.kubernetes_helper_functions import KubernetesApiException
from kubernetes.client import ApiException
from urllib3.exceptions import MaxRetryError, ProtocolError, SSLError

from firstpass.airflow.cluster_outages import cluster_outage
from firstpass.errors import Unavailable


def answer(status: int, message: str = "") -> ApiException:
    error = ApiException(status, "by the test")
    error.body = message
    return error


def reading_failed() -> KubernetesApiException:
    """As the provider raises it around what its client said."""
    try:
        try:
            raise ProtocolError("aborted")
        except ProtocolError as lost:
            raise KubernetesApiException("There was an error reading the kubernetes API") from lost
    except KubernetesApiException as error:
        return error


@pytest.mark.parametrize(
    "error",
    [*(answer(status) for status in (409, 429, 500, 502, 503, 504)), answer(403, 'pods "x" exceeded quota: gpus'),
     MaxRetryError(None, "/api", ConnectionRefusedError("refused")), ProtocolError("aborted"), reading_failed()],
    ids=repr,
)  # fmt: skip
def test_a_cluster_that_is_away_or_full(error):
    found = cluster_outage(error)
    assert isinstance(found, Unavailable)
    assert found.fix


@pytest.mark.parametrize(
    "error",
    [*(answer(status) for status in (400, 401, 404, 422)), answer(403, "User may not create pods"), RuntimeError("x"),
     MaxRetryError(None, "/api", SSLError("CERTIFICATE_VERIFY_FAILED"))],
    ids=repr,
)  # fmt: skip
def test_what_a_person_must_put_right_or_another_try_may(error):
    assert cluster_outage(error) is None

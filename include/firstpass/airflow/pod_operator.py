"""Airflow's KubernetesPodOperator, told what a chunk's pod looks like and what its exit codes mean.

Importing this module takes seconds: only installations with the Kubernetes engine do.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.providers.cncf.kubernetes.pod_generator import PodGenerator
from kubernetes.client import V1Pod

from firstpass.airflow.cluster_outages import cluster_outage
from firstpass.airflow.pod_manifest import BASE, pod
from firstpass.errors import NEEDS_A_PERSON, TRY_LATER, FirstpassError, WaitedInVain
from firstpass.settings import Settings
from firstpass.waiting import patiently

_SPOKEN: dict[int | None, tuple[type[FirstpassError], str]] = {
    NEEDS_A_PERSON: (FirstpassError, "needs a person"),
    TRY_LATER: (WaitedInVain, "waited long enough for what is away"),
}
_SPARE = timedelta(minutes=10)  # from the pod's own deadline to the task's: the pod ends first, and says why


class InferencePod(KubernetesPodOperator):
    """Runs `firstpass infer CHUNK_URI` in a pod and follows its log; `arguments` is what a chunk adds.

    A retry finds the pod of a worker that was killed and watches it again. A cluster whose API is away, or whose quota
    has no room for the pod, is waited for within the try; a pod that runs meanwhile is watched again. A pod that was
    evicted, ran out of memory or past its deadline, or never started is replaced by the next try, which continues where
    that one was: see `firstpass.inference.attempts` for the images that were in flight. Results never travel
    through here: the pod writes them to storage, and the merge looks there.
    """

    def execute(self, context: Any) -> Any:
        """Run the pod, or start it and leave the waiting to the triggerer. Raises Unavailable as `waiting` does."""
        return patiently(_outages_told, super().execute, context)

    def trigger_reentry(self, context: Any, event: dict[str, Any]) -> Any:
        """What comes after the triggerer has waited; Airflow calls it."""
        return patiently(_outages_told, super().trigger_reentry, context, event)

    def cleanup(self, pod: V1Pod, remote_pod: V1Pod, *args: Any, **kwargs: Any) -> None:
        """Remove the pod. Raises FirstpassError, which is not retried, when it says that a person is needed.

        Raises WaitedInVain when it waited long enough itself. Does nothing while the API is away: the pod goes on.
        """
        lost = sys.exception()
        if lost and cluster_outage(lost):
            return
        try:
            super().cleanup(pod, remote_pod, *args, **kwargs)
        except Exception as error:
            if (code := _exit_code(remote_pod)) in _SPOKEN:
                kind, problem = _SPOKEN[code]
                raise kind(f"the pod {remote_pod.metadata.name} {problem}", "see its last lines in this log") from error
            raise


def _outages_told(function: Callable[..., Any], *args: Any) -> Any:
    try:
        return function(*args)
    except Exception as error:
        if away := cluster_outage(error):
            raise away from error
        raise


def pod_arguments(settings: Settings) -> dict[str, Any]:
    """What `InferencePod.partial` takes. Raises FirstpassError for a pod template that cannot be used."""
    deadline = timedelta(minutes=settings.kubernetes_deadline_minutes)
    startup = timedelta(minutes=settings.kubernetes_startup_minutes)
    patience = timedelta(minutes=settings.wait_minutes)
    return {
        "kubernetes_conn_id": settings.kubernetes_conn_id or None,
        "namespace": settings.kubernetes_namespace,
        # Not a template field: nothing in it is rendered, nor shown on the page of rendered templates.
        "full_pod_spec": PodGenerator.deserialize_model_dict(pod(settings)),
        "name": "firstpass-infer",
        "cmds": ["firstpass"],
        "pool": settings.kubernetes_pool,
        "execution_timeout": patience + startup + deadline + patience + _SPARE,  # for the cluster, then in the pod
        "startup_timeout_seconds": int(startup.total_seconds()),
        "deferrable": settings.kubernetes_deferrable,
        "do_xcom_push": False,
        "on_finish_action": "delete_pod",  # what it said stands in the task's log, events included
        "log_events_on_failure": True,
        "log_pod_spec_on_failure": False,  # hundreds of lines, environment included
        "container_name_log_prefix_enabled": False,
    }


def _exit_code(remote_pod: V1Pod) -> int | None:
    for status in remote_pod.status.container_statuses or ():
        if status.name == BASE and status.state.terminated:
            code: int = status.state.terminated.exit_code
            return code
    return None

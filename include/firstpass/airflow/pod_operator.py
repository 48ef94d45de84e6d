"""Airflow's KubernetesPodOperator, told what a chunk's pod looks like and what its exit codes mean.

Importing this module takes seconds: only installations with the Kubernetes engine do.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.providers.cncf.kubernetes.pod_generator import PodGenerator
from kubernetes.client import V1Pod

from firstpass.airflow.pod_manifest import BASE, pod
from firstpass.errors import NEEDS_A_PERSON, FirstpassError
from firstpass.settings import Settings

_SPARE = timedelta(minutes=10)  # from the pod's own deadline to the task's: the pod ends first, and says why


class InferencePod(KubernetesPodOperator):
    """Runs `firstpass infer CHUNK_URI` in a pod and follows its log; `arguments` is what a chunk adds.

    A retry finds the pod of a worker that was killed and watches it again. A pod that was evicted, ran out of memory or
    past its deadline, or never started is replaced by the next try, which continues where that one was: see
    `firstpass.inference.attempts` for the half batch after one that was killed. Results never travel through here: the
    pod writes them to storage, and the merge looks there.
    """

    def cleanup(self, pod: V1Pod, remote_pod: V1Pod, *args: Any, **kwargs: Any) -> None:
        """Raise FirstpassError, which is not retried, when the pod says that a person is needed."""
        try:
            super().cleanup(pod, remote_pod, *args, **kwargs)
        except Exception as error:
            if _exit_code(remote_pod) == NEEDS_A_PERSON:
                name = remote_pod.metadata.name
                raise FirstpassError(f"the pod {name} needs a person", "see its last lines in this log") from error
            raise


def pod_arguments(settings: Settings) -> dict[str, Any]:
    """What `InferencePod.partial` takes. Raises FirstpassError for a pod template that cannot be used."""
    deadline = timedelta(minutes=settings.kubernetes_deadline_minutes)
    startup = timedelta(minutes=settings.kubernetes_startup_minutes)
    return {
        "kubernetes_conn_id": settings.kubernetes_conn_id or None,
        "namespace": settings.kubernetes_namespace,
        # Not a template field: nothing in it is rendered, nor shown on the page of rendered templates.
        "full_pod_spec": PodGenerator.deserialize_model_dict(pod(settings)),
        "name": "firstpass-infer",
        "cmds": ["firstpass"],
        "pool": settings.kubernetes_pool,
        "execution_timeout": startup + deadline + _SPARE,
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

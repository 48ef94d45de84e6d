"""Airflow's KubernetesPodOperator, told what a chunk's pod looks like and what its end means.

Importing this module takes seconds: only installations with the Kubernetes engine do.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from functools import cached_property
from typing import Any

from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.providers.cncf.kubernetes.pod_generator import PodGenerator
from airflow.providers.cncf.kubernetes.utils.pod_manager import PodManager, PodNotFoundException, PodPhase
from airflow.sdk.exceptions import AirflowException
from kubernetes.client import ApiException, V1Pod

from firstpass.airflow.cluster_outages import cluster_outage
from firstpass.airflow.cluster_refusals import cluster_refusal, said
from firstpass.airflow.pod_endings import Event, PodLost, ending, lost, stuck
from firstpass.airflow.pod_manifest import pod
from firstpass.contracts.chunk_manifest import Chunk
from firstpass.errors import FirstpassError
from firstpass.settings import Settings
from firstpass.waiting import Waiter

_SPARE = timedelta(minutes=10)  # from the pod's own deadline to the task's: the pod ends first, and says why
LASTED = 600.0  # seconds; a pod that was lost after this long is no sign that the next one will be, too


class _PodManager(PodManager):
    """Whoever reads a pod that is gone, or lies on a node that is, is told so: the provider would wait for its end."""

    def read_pod(self, pod: V1Pod) -> V1Pod:
        found = super().read_pod(pod)
        if gone := stuck(found):
            raise gone
        return found


class InferencePod(KubernetesPodOperator):
    """Runs `firstpass infer CHUNK_URI` in a pod and follows its log; `arguments` is what a chunk adds.

    A retry finds the pod of a worker that was killed and watches it again. Within a try, a cluster whose API is away,
    a quota without room and a registry that does not answer are waited for; a pod that runs meanwhile is watched again,
    and one that the cluster took away (evicted, preempted, its node gone) is replaced. A pod that found no node, ran
    out of memory or past its deadline is replaced by the next try. What only a person can fix ends the task at once.
    Every pod continues where the last one was: see `firstpass.inference.attempts` for the images that were in flight.
    Results never travel through here: the pod writes them to storage, and the merge looks there.
    """

    _over = False  # the pod is done with, and the next call within this try makes another
    _unexcused = False  # an attempt was taken away, and its note does not say so yet
    _succeeded = False

    def execute(self, context: Any) -> Any:
        """Run the pod, or start it and leave the waiting to the triggerer. Raises Unavailable as `waiting` does."""
        return self._persist(super().execute, context)

    def trigger_reentry(self, context: Any, event: dict[str, Any]) -> Any:
        """What comes after the triggerer has waited; Airflow calls it."""
        return self._persist(self._reenter, context, event)

    def cleanup(self, pod: V1Pod, remote_pod: V1Pod, *args: Any, **kwargs: Any) -> None:
        """Remove the pod. Raises FirstpassError, which is not retried, when a person is needed: see `pod_endings`.

        Raises Unavailable when another pod may fare better. Does nothing while the API is away: the pod goes on.
        """
        why = sys.exception()
        if isinstance(why, PodLost) or (why and cluster_outage(why)):
            return
        if remote_pod and not self._killed and remote_pod.status.phase not in PodPhase.terminal_states:
            remote_pod = self.pod_manager.read_pod(remote_pod)  # it was read when it was made
        pending = remote_pod and remote_pod.status.phase == PodPhase.PENDING
        events = self._events(remote_pod) if pending else []
        try:
            super().cleanup(pod, remote_pod, *args, **kwargs)
        except Exception as error:
            startup = timedelta(seconds=self.startup_timeout_seconds)
            timed_out = why is not None and not isinstance(why, Exception)  # the task itself, by Airflow's doing
            if not timed_out and (told := ending(remote_pod, events, startup)):
                self._over = True
                raise told from error
            raise
        self._succeeded = remote_pod is not None and remote_pod.status.phase == PodPhase.SUCCEEDED

    @cached_property
    def pod_manager(self) -> PodManager:
        """What watches the pod."""
        return _PodManager(kube_client=self.client, callbacks=self.callbacks)

    def convert_config_file_to_dict(self) -> None:
        """Nothing: a trigger's row in the metadata database holds no kubeconfig. The triggerer reads it where it lies.

        Beside a connection's own, it would also keep the trigger from working at all.
        """
        self._config_dict = None

    def defer(self, *, trigger: Any, **kwargs: Any) -> Any:
        """As Airflow does it; a kubeconfig in the connection itself is left for the triggerer to look up."""
        if any(name.endswith("kube_config") for name in trigger.connection_extras or ()):
            trigger.connection_extras = None
        return super().defer(trigger=trigger, **kwargs)

    def _persist(self, function: Callable[..., Any], context: Any, *args: Any) -> Any:
        """Call it, and wait and call again, or make another pod, as often as FIRSTPASS_WAIT_MINUTES allows."""
        waiter = Waiter()

        def once() -> Any:
            if self._killed:  # while it waited: Airflow lets it run on until it kills the process
                raise AirflowException("the task was ended from outside")
            began = time.monotonic()
            try:
                return self._begin_anew(context) if self._over else function(context, *args)
            except Exception as error:
                told = None if self._killed else _told(error)
                if isinstance(told, PodLost):
                    self._give_up(told)
                    if time.monotonic() - began > LASTED:
                        waiter.begin_anew()
                if told is None or told is error:
                    raise
                raise told from error

        return waiter(once)

    def _reenter(self, context: Any, event: dict[str, Any]) -> Any:
        try:
            return super().trigger_reentry(context, event)
        except AirflowException:
            # After three triggers that failed the provider follows the pod to its end here, and takes no notice of it.
            if self._succeeded:
                return None
            raise

    def _begin_anew(self, context: Any) -> Any:
        if self._unexcused:
            self._excuse()
        self.pod = self.pod_request_obj = self.remote_pod = None
        self._over = False
        return self.execute_async(context) if self.deferrable else self.execute_sync(context)

    def _give_up(self, gone: PodLost) -> None:
        """The pod was lost: neither the next try nor the next attempt at the chunk takes it for one that failed."""
        if gone.there and self.pod:
            self.patch_already_checked(self.pod, reraise=False)
            self.process_pod_deletion(self.pod, reraise=False)
        self._over = self._unexcused = True
        try:
            self._excuse()
        except Exception as error:  # it is done before the next pod
            self.log.warning("Storage cannot be told yet that the pod was taken away: %s", error)

    def _excuse(self) -> None:
        from firstpass.inference.attempts import excuse

        excuse(Chunk.load(self.arguments[-1]))
        self._unexcused = False

    def _events(self, pod: V1Pod) -> list[Event]:
        try:
            found = self.pod_manager.read_pod_events(pod).items
        except Exception:  # what is known without them is enough
            return []
        return [Event(each.message, each.type == "Warning") for each in found if each.message]


def _told(error: Exception) -> FirstpassError | None:
    """What an error means in a sentence; None for one that says enough, or that another try may not meet."""
    if isinstance(error, FirstpassError):
        return error
    if refused := cluster_refusal(error):
        return refused
    if isinstance(error, PodNotFoundException):
        return lost("of this chunk", "the cluster does not know it any more")
    if isinstance(error, ApiException) and error.status == 404 and (name := re.search(r'^pods "(.+?)"', said(error))):
        return lost(name[1], "the cluster does not know it any more")
    return cluster_outage(error)


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
        # For the cluster's API and its quota, for a node, and then in the pod.
        "execution_timeout": 3 * patience + startup + deadline + _SPARE,
        "schedule_timeout_seconds": int((startup + patience).total_seconds()),
        "startup_timeout_seconds": int(startup.total_seconds()),
        "deferrable": settings.kubernetes_deferrable,
        "do_xcom_push": False,
        "on_finish_action": "delete_pod",  # what it said stands in the task's log, events included
        "log_events_on_failure": True,
        "log_pod_spec_on_failure": False,  # hundreds of lines, environment included
        "container_name_log_prefix_enabled": False,
    }

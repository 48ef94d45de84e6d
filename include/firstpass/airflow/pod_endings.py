"""Why a pod failed or never ran, from what the cluster says about it: taken away, no node, no image, or its own fault.

Looks at pods and asks nobody. What a pod's own exit says is for `firstpass.inference.attempts`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from kubernetes.client import V1ContainerStatus, V1Pod

from firstpass.airflow.pod_manifest import BASE
from firstpass.errors import NEEDS_A_PERSON, TRY_LATER, FirstpassError, Unavailable, WaitedInVain

_REASONS = frozenset(
    {"NodeLost", "NodeShutdown", "Shutdown", "Terminated", "NodeAffinity", "Preempting", "UnexpectedAdmissionError"}
)
_GRACE = timedelta(minutes=1)  # a pod that is to be gone by now, and is not, lies on a node that does not answer
_IMAGE = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable"})
# What a registry that is away or busy gives; kubelet's own words for an image that is not there have none of them.
_REGISTRY_AWAY = re.compile(
    r"timeout|timed out|deadline exceeded|refused|reset by peer|EOF|no such host|temporar|try again|too many requests"
    r"|rate limit|qps|bad gateway|unavailable|server error|unreachable|handshake|\b(429|50[0234])\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Event:
    """What the cluster says happened to a pod. warning: it went wrong."""

    message: str
    warning: bool


class PodLost(Unavailable):
    """The cluster took the pod away, and its work was not at fault: a new pod goes on where it was.

    there: the API still knows the pod.
    """

    there = False


def lost(name: str, why: str) -> PodLost:
    """For a pod of this name."""
    return PodLost(
        f"the pod {name} was taken away: {why}",
        "nothing: a new pod goes on where it was; if this goes on and on, look at the nodes",
    )


def stuck(pod: V1Pod) -> PodLost | None:
    """For a pod that the API still calls running, though its node is gone or does not answer any more."""
    gone_by = pod.metadata.deletion_timestamp
    if pod.status.reason == "NodeLost" or (gone_by and datetime.now(UTC) > gone_by + _GRACE):
        found = lost(pod.metadata.name, taken_away(pod) or "it was deleted, and its node does not answer")
        found.there = True
        return found
    return None


def taken_away(pod: V1Pod) -> str | None:
    """Why the cluster ended it, for a reason that is none of its own; None where there is no such reason."""
    status = pod.status
    said = ": ".join(filter(None, [status.reason, status.message]))
    for condition in status.conditions or ():
        if condition.type == "DisruptionTarget" and condition.status == "True":
            return said or ": ".join(filter(None, [condition.reason, condition.message])) or "a disruption"
    reason = status.reason or ""
    its_own = "exceed" in (status.message or "")  # the disk that it may use itself
    if reason in _REASONS or reason.startswith("OutOf") or (reason == "Evicted" and not its_own):
        return said
    return "it was deleted" if pod.metadata.deletion_timestamp else None


def ending(pod: V1Pod, events: Sequence[Event], startup: timedelta) -> FirstpassError | None:
    """For a pod that failed, or that was given up while it was pending; None for one that failed by itself.

    events: of a pod that is pending, oldest first. startup: how long it had to start once it had a node.
    """
    name = pod.metadata.name
    code = exit_code(pod)
    if code == NEEDS_A_PERSON:
        return FirstpassError(f"the pod {name} needs a person", "see its last lines in this log")
    if code == TRY_LATER:
        return WaitedInVain(f"the pod {name} waited long enough for what is away", "see its last lines in this log")
    if why := taken_away(pod):
        return lost(name, why)
    return _never_ran(pod, events, startup) if pod.status.phase == "Pending" else None


def exit_code(pod: V1Pod) -> int | None:
    """Of the container that runs the chunk; None while it has not ended."""
    for status in pod.status.container_statuses or ():
        if status.name == BASE and status.state.terminated:
            code: int = status.state.terminated.exit_code
            return code
    return None


def _never_ran(pod: V1Pod, events: Sequence[Event], startup: timedelta) -> FirstpassError:
    name = pod.metadata.name
    for condition in pod.status.conditions or ():
        if condition.type == "PodScheduled" and condition.status != "True":
            return WaitedInVain(
                f"the pod {name} found no node: {condition.message or condition.reason or 'nothing is said why'}",
                "add or free nodes that fit it, or correct what it asks for: FIRSTPASS_KUBERNETES_NODE_SELECTOR,"
                " _TOLERATIONS, _CPU, _MEMORY, _GPUS, _GPU_RESOURCE",
            )
    for status in [*(pod.status.init_container_statuses or ()), *(pod.status.container_statuses or ())]:
        waiting = status.state.waiting if status.state else None
        if waiting and waiting.reason in _IMAGE:
            return _no_image(name, status, [event.message for event in events if event.warning])
        if waiting and waiting.reason == "CreateContainerConfigError":
            return FirstpassError(
                f"the container {status.name} of the pod {name} cannot be made: {waiting.message}",
                "create the secret or config map that is named there, or correct FIRSTPASS_KUBERNETES_SECRETS or the"
                " pod template",
            )
    last = f"; the last of its events: {events[-1].message}" if events else ""
    return WaitedInVain(
        f"the pod {name} has a node, and did not run after {startup.total_seconds() / 60:g} minutes{last}",
        "see its events in this log; where its image takes longer to come, raise FIRSTPASS_KUBERNETES_STARTUP_MINUTES",
    )


def _no_image(name: str, status: V1ContainerStatus, warnings: Sequence[str]) -> FirstpassError:
    """The container's own message may only say that kubelet waits before it tries again; its events say why."""
    waiting = status.state.waiting
    words = " ".join(" | ".join(dict.fromkeys(filter(None, [waiting.message, *warnings]))).split())[:500]
    problem = f"the image {status.image} of the pod {name} cannot be pulled ({waiting.reason}): {words}"
    if _REGISTRY_AWAY.search(words):
        return Unavailable(problem, "bring the registry back")
    return FirstpassError(
        problem,
        "build and push it, or correct FIRSTPASS_KUBERNETES_IMAGE; where the registry asks who pulls, name"
        " imagePullSecrets in the pod template or its service account",
    )

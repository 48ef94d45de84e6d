"""What can go wrong in a cluster, by script: on the pods in the order they are made, and on the API itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

Lines = list[str]


@dataclass
class PodFault:
    """What happens to one pod. It happens when `when`, given what the pod has printed so far, is true.

    reason and message are the pod's (evicted, node lost) or, when `waiting`, its container's (image pull). exit_code:
    the container's; None where the whole pod is taken away. until: nothing worse than standing still until it is true.
    disruption: the reason of the condition DisruptionTarget, which the pod then has. unschedulable: no node is found
    before `until`. left: what becomes of a pod that is taken away: it is `failed`, `gone` from the API, or `stuck` in
    it as if it ran, because its node does not answer.
    """

    reason: str
    message: str
    when: Callable[[Lines], bool] = lambda lines: True
    exit_code: int | None = None
    waiting: bool = False
    until: Callable[[], bool] | None = None
    disruption: str = ""
    unschedulable: bool = False
    left: str = "failed"


def evicted(when: Callable[[Lines], bool]) -> PodFault:
    """The node runs low on something: the pod is killed and marked Evicted."""
    said = "The node was low on resource: ephemeral-storage."
    return PodFault("Evicted", said, when, disruption="TerminationByKubelet")


def evicted_for_its_disk(when: Callable[[Lines], bool]) -> PodFault:
    """The pod wrote more than it may: Evicted as well, by its own fault."""
    return PodFault("Evicted", 'Usage of EmptyDir volume "scratch" exceeds the limit "1Gi".', when)


def node_gone(when: Callable[[Lines], bool]) -> PodFault:
    """A spot node is taken back, and its pods vanish from the API with it."""
    return PodFault("", "", when, left="gone")


def node_lost(when: Callable[[Lines], bool]) -> PodFault:
    """The node does not answer any more: the API still calls its pod running, and waits for kubelet to delete it."""
    said = "Node node-1 which was running pod is unresponsive"
    return PodFault("NodeLost", said, when, disruption="DeletionByTaintManager", left="stuck")


def unschedulable(until: Callable[[], bool]) -> PodFault:
    """No node fits the pod before this is true."""
    return PodFault("Unschedulable", UNSCHEDULABLE, until=until, unschedulable=True)


UNSCHEDULABLE = "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."


def out_of_memory(when: Callable[[Lines], bool]) -> PodFault:
    """The container takes more memory than its limit: SIGKILL, exit code 137."""
    return PodFault("OOMKilled", "", when, exit_code=137)


def image_missing() -> PodFault:
    """The image cannot be pulled: the container waits for ever."""
    return PodFault("ErrImagePull", 'failed to pull image "nowhere/nothing": not found', waiting=True)


def registry_away() -> PodFault:
    """Nor can this one, because nobody answers."""
    said = 'failed to pull image "firstpass-inference": dial tcp 10.0.0.7:443: connect: connection refused'
    return PodFault("ErrImagePull", said, waiting=True)


def never_starts(reason: str = "ContainerCreating", message: str = "") -> PodFault:
    """The container waits for ever, for this reason."""
    return PodFault(reason, message, waiting=True)


def frozen(until: Callable[[], bool]) -> PodFault:
    """The container stands still, as on a node that is too busy, until something else has happened."""
    return PodFault("", "", until=until)


def quota_used_up(times: int) -> ApiFault:
    """The namespace has no room for another pod, so many times."""
    gpu = "requests.nvidia.com/gpu"
    message = f"is forbidden: exceeded quota: gpus, requested: {gpu}=1, used: {gpu}=4, limited: {gpu}=4"
    return ApiFault("^POST /.*/pods$", 403, times, f'pods "firstpass-infer" {message}')


@dataclass
class ApiFault:
    """The next `times` requests whose `METHOD /path` matches are answered with this status instead."""

    request: str
    status: int
    times: int = 1
    message: str = "by script"

    def strikes(self, method: str, path: str) -> bool:
        """Whether this request is to fail; counts it when so."""
        if self.times > 0 and re.search(self.request, f"{method} {path}"):
            self.times -= 1
            return True
        return False

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
    """

    reason: str
    message: str
    when: Callable[[Lines], bool] = lambda lines: True
    exit_code: int | None = None
    waiting: bool = False
    until: Callable[[], bool] | None = None


def evicted(when: Callable[[Lines], bool]) -> PodFault:
    """The node runs low on something: the pod is killed and marked Evicted."""
    return PodFault("Evicted", "The node was low on resource: ephemeral-storage.", when)


def out_of_memory(when: Callable[[Lines], bool]) -> PodFault:
    """The container takes more memory than its limit: SIGKILL, exit code 137."""
    return PodFault("OOMKilled", "", when, exit_code=137)


def image_missing() -> PodFault:
    """The image cannot be pulled: the container waits for ever."""
    return PodFault("ErrImagePull", 'failed to pull image "nowhere/nothing": not found', waiting=True)


def frozen(until: Callable[[], bool]) -> PodFault:
    """The container stands still, as on a node that is too busy, until something else has happened."""
    return PodFault("", "", until=until)


def quota_used_up(times: int) -> ApiFault:
    """The namespace has no room for another pod, so many times."""
    message = "is forbidden: exceeded quota: gpus, requested: limits.nvidia.com/gpu=1, used: 4, limited: 4"
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

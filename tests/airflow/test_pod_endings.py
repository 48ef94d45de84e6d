"""What the cluster says about a pod that failed or never ran, in a sentence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.providers.cncf.kubernetes.pod_generator import PodGenerator
from kubernetes.client import V1Pod

from firstpass.airflow.pod_endings import Event, PodLost, ending, exit_code, stuck, taken_away
from firstpass.errors import FirstpassError, Unavailable, WaitedInVain


def pod(phase: str = "Failed", metadata: dict[str, Any] | None = None, **status: Any) -> V1Pod:
    return PodGenerator.deserialize_model_dict(
        {"metadata": {"name": "p", **(metadata or {})}, "status": {"phase": phase, **status}}
    )


def container(name: str = "base", **state: Any) -> dict[str, Any]:
    return {"name": name, "image": "i:1", "imageID": "", "ready": False, "restartCount": 0, "state": state}


def ended(code: int, name: str = "base") -> dict[str, Any]:
    return container(name, terminated={"exitCode": code})


def waits(reason: str, message: str = "") -> dict[str, Any]:
    return container(waiting={"reason": reason, "message": message})


def target(status: str = "True") -> list[dict[str, str]]:
    return [{"type": "DisruptionTarget", "status": status, "reason": "PreemptionByScheduler", "message": "preempted"}]


def told(made: V1Pod, *warnings: str) -> FirstpassError | None:
    events = [Event("Pulling image", warning=False), *(Event(message, warning=True) for message in warnings)]
    return ending(made, events, timedelta(minutes=15))


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (pod(reason="Evicted", message="The node was low on resource: memory."), "Evicted: The node was low"),
        (pod(conditions=target(), containerStatuses=[ended(143)]), "PreemptionByScheduler: preempted"),
        (pod(reason="Terminated", message="imminent node shutdown"), "Terminated: imminent node shutdown"),
        (pod(reason="NodeLost"), "NodeLost"),
        (pod(reason="OutOfnvidia.com/gpu", message="Node didn't have enough"), "OutOfnvidia.com/gpu: Node didn't"),
        (pod(reason="UnexpectedAdmissionError", message="no healthy devices"), "UnexpectedAdmissionError: no healthy"),
        (pod("Running", {"deletionTimestamp": "2026-11-25T02:00:00Z"}), "it was deleted"),
    ],
)
def test_what_the_cluster_takes_away_is_lost_and_no_try_is_used_up(made, why):
    found = told(made)
    assert isinstance(found, PodLost)
    assert f"the pod p was taken away: {why}" in found.problem
    assert isinstance(found, Unavailable)
    assert not isinstance(found, WaitedInVain)


@pytest.mark.parametrize(
    "made",
    [
        pod(reason="Evicted", message="Pod ephemeral local storage usage exceeds the total limit of containers 1Gi."),
        pod(reason="Evicted", message='Container base exceeded its local ephemeral storage limit "1Gi".'),
        pod(reason="DeadlineExceeded", message="Pod was active on the node longer than the specified deadline"),
        pod(containerStatuses=[container(terminated={"exitCode": 137, "reason": "OOMKilled"})]),
        pod(containerStatuses=[ended(1)], conditions=target("False")),
        pod(),
        pod("Running", containerStatuses=[container(running={})]),
    ],
)
def test_what_failed_by_itself_uses_up_its_try(made):
    assert told(made) is None
    assert taken_away(made) is None


def test_the_exit_code_is_that_of_the_container_of_the_chunk():
    assert exit_code(pod(containerStatuses=[ended(2, "istio"), ended(1)])) == 1
    assert exit_code(pod(containerStatuses=[ended(2, "istio"), container(running={})])) is None
    assert told(pod(containerStatuses=[ended(2, "istio"), ended(1)])) is None
    assert "needs a person" in told(pod(containerStatuses=[ended(0, "istio"), ended(2)], conditions=target())).problem
    assert isinstance(told(pod(containerStatuses=[ended(75)])), WaitedInVain)


@pytest.mark.parametrize(
    "words",
    [
        "dial tcp: i/o timeout", "connect: connection refused", "unexpected EOF", "lookup r.example.com: no such host",
        "toomanyrequests: too many requests", "pull QPS exceeded", "503 Service Unavailable", "TLS handshake error",
    ],
)  # fmt: skip
def test_a_registry_that_is_away_is_waited_for(words):
    found = told(pod("Pending", containerStatuses=[waits("ErrImagePull", f"failed to pull: {words}")]))
    assert isinstance(found, Unavailable)
    assert f"the image i:1 of the pod p cannot be pulled (ErrImagePull): failed to pull: {words}" in found.problem


@pytest.mark.parametrize(
    ("reason", "message", "events"),
    [
        ("ErrImagePull", "manifest unknown", []),
        ("ImagePullBackOff", 'Back-off pulling image "i:1"', []),
        ("ImagePullBackOff", 'Back-off pulling image "i:1"', ["pull access denied, repository does not exist"]),
        ("InvalidImageName", "couldn't parse image name", []),
        ("ErrImageNeverPull", "Container image is not present with pull policy of Never", []),
    ],
)
def test_an_image_that_is_not_there_needs_a_person(reason, message, events):
    found = told(pod("Pending", containerStatuses=[waits(reason, message)]), *events)
    assert not isinstance(found, Unavailable)
    assert " | ".join([message, *events]) in found.problem
    assert "imagePullSecrets" in found.fix


def test_the_events_say_why_kubelet_waits():
    backs_off = pod("Pending", containerStatuses=[waits("ImagePullBackOff", 'Back-off pulling image "i:1"')])
    assert isinstance(told(backs_off, "failed to pull: connection refused"), Unavailable)


def test_an_init_container_has_an_image_too():
    found = told(pod("Pending", initContainerStatuses=[waits("ErrImagePull", "manifest unknown")]))
    assert "cannot be pulled" in found.problem


def test_without_a_node_or_a_start_in_time_another_try_may_fare_better():
    nowhere = [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}]
    assert "the pod p found no node: 0/3 nodes" in told(pod("Pending", conditions=nowhere)).problem
    slow = told(pod("Pending", containerStatuses=[waits("ContainerCreating")]), "MountVolume failed")
    assert (
        slow.problem
        == "the pod p has a node, and did not run after 15 minutes; the last of its events: MountVolume failed"
    )
    assert isinstance(slow, WaitedInVain)


def deleted(ago: timedelta, **status: Any) -> V1Pod:
    return pod("Running", {"deletionTimestamp": (datetime.now(UTC) - ago).isoformat()}, **status)


def test_a_pod_is_stuck_when_it_should_have_been_gone_for_a_while():
    assert stuck(pod("Running")) is None
    assert stuck(deleted(timedelta(seconds=10))) is None, "it is ending"
    found = stuck(deleted(timedelta(minutes=5), conditions=target()))
    assert found.there
    assert "PreemptionByScheduler" in found.problem
    assert "NodeLost" in stuck(pod("Running", reason="NodeLost")).problem

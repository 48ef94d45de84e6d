"""Airflow's own pod operator, told what a chunk's pod looks like and what its end means, on the cluster's double."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.sdk.exceptions import AirflowException, TaskDeferred
from kubernetes.client import V1Pod
from kubernetes.client.exceptions import ServiceException
from urllib3.exceptions import MaxRetryError

from doubles.kubernetes import (
    ApiFault,
    KubernetesDouble,
    evicted,
    evicted_for_its_disk,
    image_missing,
    kubernetes_double,
    never_starts,
    node_gone,
    node_lost,
    quota_used_up,
    registry_away,
    unschedulable,
)
from doubles.kubernetes.pod import Cluster
from firstpass import waiting
from firstpass.airflow.pod_operator import InferencePod, pod_arguments
from firstpass.errors import FirstpassError, Unavailable, WaitedInVain
from firstpass.inference.attempts import attempt, load_attempt
from firstpass.inference.checkpoints import Checkpoints
from firstpass.settings import Settings, settings


def test_what_a_pod_is_given_follows_from_the_settings():
    chosen = Settings(
        kubernetes_conn_id="cluster",
        kubernetes_namespace="night",
        kubernetes_pool="v100",
        kubernetes_deadline_minutes=30,
        kubernetes_startup_minutes=7,
        wait_minutes=5,
        kubernetes_deferrable=True,
    )
    given = pod_arguments(chosen)
    pod = given.pop("full_pod_spec")
    assert isinstance(pod, V1Pod)
    assert pod.spec.active_deadline_seconds == (30 + 5) * 60
    assert [container.name for container in pod.spec.containers] == ["base"]
    assert given == {
        "kubernetes_conn_id": "cluster",
        "namespace": "night",
        "name": "firstpass-infer",
        "cmds": ["firstpass"],
        "pool": "v100",
        "execution_timeout": timedelta(minutes=5 + 5 + 7 + 30 + 5 + 10),
        "schedule_timeout_seconds": 420 + 300,
        "startup_timeout_seconds": 420,
        "deferrable": True,
        "do_xcom_push": False,
        "on_finish_action": "delete_pod",
        "log_events_on_failure": True,
        "log_pod_spec_on_failure": False,
        "container_name_log_prefix_enabled": False,
    }


def test_without_a_connection_the_pod_uses_the_cluster_that_airflow_runs_in():
    given = pod_arguments(Settings(kubernetes_conn_id=""))
    assert given["kubernetes_conn_id"] is None
    assert given["deferrable"] is False


def test_a_template_that_cannot_be_used_is_told_before_anything_runs(tmp_path):
    with pytest.raises(FirstpassError, match="cannot be read"):
        pod_arguments(Settings(kubernetes_pod_template=str(tmp_path / "none.yaml")))


class Noted:
    """A task instance: what Airflow would write down."""

    dag_id, task_id, run_id, map_index, try_number = "preannotate", "infer_in_pod", "night-1", 0, 1
    start_date = datetime.now(UTC)
    pushed: dict[str, Any]

    def __init__(self) -> None:
        self.pushed = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value


# What `firstpass infer` is here: it says its arguments, stays while there is a file `stay`, and ends as `code` says.
PROGRAM = """#!/bin/sh
echo "$@"
while [ -e {folder}/stay ]; do sleep 0.05; done
exit $(cat {folder}/code)
"""


@pytest.fixture
def cluster(tmp_path, monkeypatch) -> Iterator[KubernetesDouble]:
    """The cluster's double behind the connection `cluster`; nothing is waited for longer than a moment."""
    program = tmp_path / "firstpass"
    program.write_text(PROGRAM.format(folder=tmp_path))
    program.chmod(0o755)
    (tmp_path / "code").write_text("0")
    there = Cluster({"firstpass": str(program)}, {"firstpass-inference": {}})
    with kubernetes_double(tmp_path, there) as double:
        connection = {"conn_type": "kubernetes", "extra": {"kube_config_path": str(double.kubeconfig)}}
        monkeypatch.setenv("AIRFLOW_CONN_CLUSTER", json.dumps(connection))
        monkeypatch.setattr(waiting, "FIRST_PAUSE", 0.05)
        yield double
    settings.cache_clear()


@pytest.fixture
def patience(monkeypatch):
    """For so many seconds everything is waited for."""

    def have(seconds: float) -> None:
        monkeypatch.setenv("FIRSTPASS_WAIT_MINUTES", str(seconds / 60))
        settings.cache_clear()

    return have


@pytest.fixture
def work(chunk, paint):
    """A chunk of two images, and its URI: an attempt at it that was killed runs already."""
    made, uri = chunk([paint(f"{i}.png", (i, 0, 0)) for i in range(2)])
    attempt(made, Checkpoints(made)).__enter__()
    return made, uri


def operator(uri: str = "s3://b/chunks/0.json", **changes: Any) -> InferencePod:
    chosen = Settings(kubernetes_conn_id="cluster", kubernetes_gpus=changes.pop("gpus", 0))
    quick = {"startup_check_interval_seconds": 0.1, "poll_interval": 0.1}
    return InferencePod(task_id="infer_in_pod", arguments=["infer", uri], **(pod_arguments(chosen) | quick | changes))


def context() -> dict[str, Any]:
    ti = Noted()
    run = SimpleNamespace(run_id=ti.run_id)
    return {"ti": ti, "run_id": ti.run_id, "dag_run": run, "dag": SimpleNamespace(dag_id=ti.dag_id)}


def run_pod(uri: str = "s3://b/chunks/0.json", **changes: Any) -> Noted:
    """One try of a chunk's task."""
    around = context()
    operator(uri, **changes).execute(around)
    return around["ti"]


class TestWhatIsWaitedFor:
    """Without using up a try, and without a person."""

    def test_a_quota_without_room(self, cluster, caplog):
        cluster.api_faults = [quota_used_up(times=3)]
        noted = run_pod()
        assert len(cluster.created) == 1
        assert noted.pushed["pod_name"] == cluster.created[0]["metadata"]["name"]
        assert caplog.text.count("the namespace's quota has no room for another pod") == 3
        assert "exceeded quota: gpus" in caplog.text
        assert "It is back after" in caplog.text

    def test_a_pod_of_another_that_has_the_quotas_gpu(self, cluster, caplog):
        cluster.quota = {"requests.nvidia.com/gpu": 1}
        cluster.pod_faults.append(unschedulable(lambda: "no room for another pod" in caplog.text))
        both = [context(), context()]
        both[1]["ti"].map_index = 1

        async def together() -> None:
            await asyncio.gather(*(asyncio.to_thread(operator(gpus=1).execute, each) for each in both))

        with caplog.at_level("WARNING"):
            asyncio.run(together())
        assert len(cluster.created) == 2
        assert "requested: requests.nvidia.com/gpu=1, used: requests.nvidia.com/gpu=1" in caplog.text

    def test_a_node(self, cluster):
        cluster.pod_faults.append(unschedulable(lambda: len(cluster.requests) > 12))
        run_pod()
        assert len(cluster.created) == 1

    def test_an_api_that_is_away_does_not_cost_the_pod_that_runs(self, cluster, caplog, monkeypatch):
        """The provider asks five times within half a minute, then gives up and would delete the pod."""
        watch, lost = KubernetesPodOperator.await_pod_completion, [ServiceException(503), MaxRetryError(None, "/pods")]

        def gives_up(self, pod):
            if lost:
                raise lost.pop(0)
            watch(self, pod)

        monkeypatch.setattr(KubernetesPodOperator, "await_pod_completion", gives_up)
        run_pod()
        assert len(cluster.created) == 1
        assert "the cluster's API answers 503" in caplog.text
        assert "the cluster's API does not answer" in caplog.text
        deleted = [index for index, request in enumerate(cluster.requests) if request.startswith("DELETE")]
        assert deleted == [len(cluster.requests) - 1]

    def test_a_registry_that_does_not_answer(self, cluster, caplog):
        cluster.pod_faults.extend([registry_away(), registry_away()])
        run_pod()
        assert len(cluster.created) == 3
        assert "cannot be pulled (ErrImagePull): " in caplog.text
        assert "bring the registry back" in caplog.text

    @pytest.mark.parametrize("fault", [evicted, node_gone, node_lost])
    def test_a_pod_that_the_cluster_takes_away_is_replaced_and_excused(self, cluster, work, fault, caplog):
        made, uri = work
        cluster.pod_faults.extend([fault(bool), fault(bool)])
        run_pod(uri)
        names = [pod["metadata"]["name"] for pod in cluster.created]
        assert len(set(names)) == 3
        assert caplog.text.count("was taken away: ") == 2
        left = load_attempt(made)
        assert (left.number, left.killed) == (0, False), "it used up no try, and no image is to blame"

    def test_what_lasted_long_has_all_patience_for_the_next_loss(self, cluster, work, patience, monkeypatch):
        patience(0.5)
        monkeypatch.setattr("firstpass.airflow.pod_operator.LASTED", 0.0)
        cluster.pod_faults.extend([node_gone(bool)] * 6)
        run_pod(work[1])
        assert len(cluster.created) == 7

    def test_losses_in_a_row_come_to_an_end(self, cluster, work, patience):
        patience(0.5)
        cluster.pod_faults.extend([node_gone(bool)] * 20)
        with pytest.raises(WaitedInVain, match=r"was taken away: .* \(waited for"):
            run_pod(work[1])
        assert len(cluster.created) < 20

    def test_after_the_patience_it_is_unavailable(self, cluster, patience):
        patience(0.3)
        cluster.api_faults = [quota_used_up(times=1000)]
        with pytest.raises(Unavailable, match=r"has no room for another pod.* \(waited for"):
            run_pod()


def test_a_task_that_was_ended_while_it_waited_makes_no_pod(cluster, caplog, monkeypatch):
    monkeypatch.setattr(waiting, "FIRST_PAUSE", 1.0)
    cluster.api_faults = [quota_used_up(times=1)]
    ends = operator()
    with ThreadPoolExecutor() as pool:
        running = pool.submit(ends.execute, context())
        while "no room for another pod" not in caplog.text:
            time.sleep(0.01)
        ends.on_kill()
        with pytest.raises(AirflowException, match="ended from outside"):
            running.result()
    assert cluster.created == []


class TestWhatEndsTheTry:
    """Another one may fare better."""

    def test_no_node_within_all_that_time(self, cluster):
        cluster.pod_faults.append(unschedulable(lambda: False))
        with pytest.raises(WaitedInVain, match=r"found no node: 0/3 nodes are available: 3 Insufficient") as caught:
            run_pod(schedule_timeout_seconds=0.2)
        assert "FIRSTPASS_KUBERNETES_NODE_SELECTOR" in caught.value.fix
        assert cluster.pods == {}

    def test_a_start_that_never_ends(self, cluster):
        cluster.pod_faults.append(never_starts())
        with pytest.raises(WaitedInVain, match="has a node, and did not run after"):
            run_pod(startup_timeout_seconds=0.2)
        assert cluster.pods == {}

    def test_a_pod_that_fails_by_itself(self, cluster, tmp_path):
        (tmp_path / "code").write_text("1")
        with pytest.raises(AirflowException, match="returned a failure"):
            run_pod()

    def test_a_pod_that_wrote_more_than_it_may(self, cluster):
        cluster.pod_faults.append(evicted_for_its_disk(bool))
        with pytest.raises(AirflowException, match="returned a failure"):
            run_pod()
        assert len(cluster.created) == 1

    def test_a_pod_that_waited_in_vain_is_no_killed_one(self, cluster, tmp_path):
        (tmp_path / "code").write_text("75")
        with pytest.raises(WaitedInVain, match=r"the pod firstpass-infer-.* waited long enough"):
            run_pod()


class TestWhatNeedsAPerson:
    """One pod at most, one sentence, and what to do."""

    def test_a_pod_that_says_so(self, cluster, tmp_path):
        (tmp_path / "code").write_text("2")
        with pytest.raises(FirstpassError, match=r"the pod firstpass-infer-.* needs a person") as caught:
            run_pod()
        assert not isinstance(caught.value, Unavailable)

    def test_a_quota_that_no_pod_ever_fits(self, cluster):
        cluster.quota = {"pods": 4, "requests.nvidia.com/gpu": 0}
        with pytest.raises(FirstpassError, match=r"asks for requests\.nvidia\.com/gpu=1, and 0 is all") as caught:
            run_pod(gpus=1)
        assert not isinstance(caught.value, Unavailable)
        assert "quota.yaml" in caught.value.fix

    def test_no_rights(self, cluster):
        cluster.api_faults = [ApiFault("^POST /.*/pods$", 403, message="pods is forbidden: User may not create")]
        with pytest.raises(FirstpassError, match=r"the cluster forbids it: .*may not create") as caught:
            run_pod()
        assert "rbac.yaml" in caught.value.fix
        assert cluster.created == []

    @pytest.mark.parametrize(
        ("missing", "words"),
        [
            ({"service_accounts": frozenset({"default"})}, "namespace firstpass has no service account firstpass-inf"),
            ({"namespaces": frozenset({"kube-system"})}, "the cluster has no namespace firstpass"),
        ],
    )
    def test_what_the_cluster_lacks(self, cluster, missing, words):
        cluster.cluster = Cluster({}, {}, **missing)
        with pytest.raises(FirstpassError, match=words) as caught:
            run_pod()
        assert "kubectl apply" in caught.value.fix
        assert cluster.created == []

    def test_an_image_that_is_not_there(self, cluster):
        cluster.pod_faults.append(image_missing())
        with pytest.raises(
            FirstpassError, match=r"image firstpass-inference .*\(ErrImagePull\): .*not found"
        ) as caught:
            run_pod()
        assert not isinstance(caught.value, Unavailable)
        assert "FIRSTPASS_KUBERNETES_IMAGE" in caught.value.fix
        assert cluster.pods == {}

    def test_a_pull_that_kubelet_tries_again_and_again(self, cluster):
        cluster.pod_faults.append(never_starts("ImagePullBackOff", 'Back-off pulling image "firstpass-inference"'))
        with pytest.raises(FirstpassError, match=r"cannot be pulled \(ImagePullBackOff\)") as caught:
            run_pod()
        assert not isinstance(caught.value, Unavailable)

    def test_a_secret_that_is_not_there(self, cluster):
        cluster.pod_faults.append(never_starts("CreateContainerConfigError", 'secret "keys" not found'))
        with pytest.raises(FirstpassError, match='cannot be made: secret "keys" not found') as caught:
            run_pod(startup_timeout_seconds=0.2)
        assert "FIRSTPASS_KUBERNETES_SECRETS" in caught.value.fix


class TestDeferred:
    """The triggerer waits; each time the task comes back, it does so in another process."""

    @pytest.fixture(autouse=True)
    def stays(self, tmp_path) -> Path:
        """The pod runs while this file is there."""
        (tmp_path / "stay").touch()
        return tmp_path / "stay"

    def deferred(self, function: Any, *args: Any) -> Any:
        with pytest.raises(TaskDeferred) as caught:
            function(*args)
        return caught.value.trigger

    def started(self, **changes: Any) -> Any:
        return self.deferred(operator(deferrable=True, **changes).execute, context())

    async def fired(self, trigger: Any) -> dict[str, Any]:
        _, kwargs = trigger.serialize()
        return (await anext(type(trigger)(**kwargs).run())).payload

    def back(self, event: dict[str, Any], uri: str = "s3://b/chunks/0.json") -> Any:
        return operator(uri, deferrable=True).trigger_reentry(context(), event)

    def test_a_kubeconfig_of_the_environment_reaches_no_trigger_and_keeps_none_from_working(
        self, cluster, stays, monkeypatch
    ):
        monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig))
        trigger = self.started()
        assert cluster.token not in json.dumps(trigger.serialize(), default=str)
        assert trigger.serialize()[1]["config_dict"] is None
        stays.unlink()
        event = asyncio.run(self.fired(trigger))
        assert event["status"] == "success"
        self.back(event)
        assert (len(cluster.created), cluster.pods) == (1, {})

    def test_nor_does_one_that_stands_in_the_connection(self, cluster, stays, monkeypatch):
        inside = {"kube_config": json.dumps(yaml.safe_load(cluster.kubeconfig.read_text()))}
        monkeypatch.setenv("AIRFLOW_CONN_CLUSTER", json.dumps({"conn_type": "kubernetes", "extra": inside}))
        trigger = self.started()
        assert cluster.token not in json.dumps(trigger.serialize(), default=str)
        stays.unlink()
        assert asyncio.run(self.fired(trigger))["status"] == "success"

    def test_a_pod_that_outlasts_three_triggers_that_fail(self, cluster, stays):
        """The provider gives up then, follows the pod to its end, and would call the task failed though it is well."""
        trigger = self.started()
        for number in (1, 2, 3):
            event = {"status": "error", "name": trigger.pod_name, "namespace": "firstpass", "message": "no answer"}
            trigger = self.deferred(self.back, event | trigger.trigger_kwargs)
            assert trigger.trigger_kwargs["_redefer_count"] == number
        stays.unlink()
        assert self.back(event | trigger.trigger_kwargs) is None
        assert (len(cluster.created), cluster.pods) == (1, {})

    @pytest.mark.parametrize("fault", [evicted, node_gone])
    def test_a_pod_that_the_cluster_takes_away_is_replaced_and_excused(self, cluster, work, stays, fault):
        made, uri = work
        cluster.pod_faults.append(fault(bool))
        first = self.started()
        event = asyncio.run(self.fired(first))
        assert event["status"] in {"failed", "error"}
        second = self.deferred(self.back, event, uri)
        assert second.pod_name != first.pod_name
        assert (load_attempt(made).number, load_attempt(made).killed) == (0, False)
        stays.unlink()
        self.back(asyncio.run(self.fired(second)), uri)
        assert [pod.name for pod in cluster.pods.values() if not pod.gone] == []

    def test_an_image_that_is_not_there_needs_a_person(self, cluster):
        cluster.pod_faults.append(image_missing())
        event = asyncio.run(self.fired(self.started()))
        with pytest.raises(FirstpassError, match="cannot be pulled") as caught:
            self.back(event)
        assert not isinstance(caught.value, Unavailable)
        assert cluster.pods == {}

    def test_no_node_within_all_that_time_ends_the_try(self, cluster):
        cluster.pod_faults.append(unschedulable(lambda: False))
        event = asyncio.run(self.fired(self.started(schedule_timeout_seconds=0.2)))
        with pytest.raises(WaitedInVain, match="found no node"):
            self.back(event)
        assert cluster.pods == {}

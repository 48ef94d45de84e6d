"""The same night on a cluster: images, models and results in object storage, each chunk a pod.

Airflow, its scheduler, KubernetesPodOperator, PostgreSQL and TensorFlow are real; the cluster is the double, which runs
each pod's command as a process of this machine.
"""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import psutil
import psycopg2
import pytest
from psycopg2.extensions import make_dsn

from doubles.kubernetes import (
    ApiFault,
    KubernetesDouble,
    PodFault,
    evicted,
    frozen,
    kubernetes_double,
    out_of_memory,
    registry_away,
)
from doubles.kubernetes.pod import NODE, Cluster
from doubles.s3 import s3_client, s3_server
from fixtures.real_stack import FIRSTPASS, PARSED_ONCE, ROOT, Stack, running_stack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]

KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "secret-of-s3", "AWS_DEFAULT_REGION": "us-east-1"}
# A machine that starts at once: eight photographs make four chunks.
MACHINE = json.dumps({"quick": {"memory_gib": 8, "speed": 0.5, "start_up": 0.00068, "batch_limit": 8}})


@dataclass
class Site:
    """The stack, set up for the cluster, the cluster, and what a run of the local engine gave."""

    stack: Stack
    kubernetes: KubernetesDouble
    s3: object
    local: dict = field(default_factory=dict)
    local_rows: list[tuple] = field(default_factory=list)

    def run(self, *arguments: str, threshold: float = 0.36, code: int = 0) -> dict:
        """A run over the bucket's photographs. Those that are known are new below the floor and with --reprocess."""
        return self.stack.run("--threshold", str(threshold), *arguments, code=code, timeout=400)

    def rows(self, run_id: str) -> list[tuple]:
        return self.stack.sql(
            "SELECT uri, outcome, class_ids, scores, x1, y1, x2, y2 FROM run_predictions"
            f" WHERE run_id = '{run_id}' ORDER BY uri"
        )

    def infers(self, number: int) -> bool:
        """Whether the pod created as `number` has begun with its images: killed from then on, it was too big."""
        chunk = Path(self.kubernetes.created[number]["spec"]["containers"][0]["args"][-1])
        listing = self.s3.list_objects_v2(Bucket="site", Prefix=f"runs/runs/{chunk.parts[-3]}/results/{chunk.stem}.")
        return any(item["Key"].endswith("/attempt.json") for item in listing.get("Contents", []))

    def markers(self, run_id: str) -> list[dict]:
        found = self.stack.sql(f"SELECT marker FROM chunks WHERE run_id = '{run_id}' AND state = 'merged'")
        return [marker for (marker,) in found]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cluster")
    images = {"firstpass-inference": {"FIRSTPASS_CACHE": "/var/cache/firstpass", "FIRSTPASS_HOME": str(folder)}}
    cluster = Cluster({"firstpass": str(FIRSTPASS)}, images, secrets={"firstpass-s3": KEYS})
    with s3_server() as endpoint, kubernetes_double(folder, cluster) as kubernetes:
        s3 = s3_client(endpoint)
        s3.create_bucket(Bucket="site")
        for path in (ROOT / "include" / "samples").glob("*.*g"):
            s3.upload_file(str(path), "site", f"photos/{path.name}")
            if path.name.startswith("c"):
                s3.upload_file(str(path), "site", f"some/{path.name}")
        connection = {"conn_type": "kubernetes", "extra": {"kube_config_path": str(kubernetes.kubeconfig)}}
        with running_stack(
            folder / "home",
            **PARSED_ONCE,
            **KEYS,
            FIRSTPASS_ENGINE="kubernetes",
            FIRSTPASS_STORAGE="s3://site/runs",
            FIRSTPASS_MODELS="s3://site/models",
            FIRSTPASS_IMAGES="s3://site/photos",
            FIRSTPASS_S3_ENDPOINT=endpoint,
            FIRSTPASS_KUBERNETES_CONN_ID="cluster",
            AIRFLOW_CONN_CLUSTER=json.dumps(connection),
            FIRSTPASS_KUBERNETES_SECRETS='["firstpass-s3"]',
            FIRSTPASS_KUBERNETES_GPUS="0",
            FIRSTPASS_MACHINES=MACHINE,
            FIRSTPASS_MACHINE="quick",
            FIRSTPASS_WORKERS="4",
        ) as stack:
            source = next((stack.home / "include" / "models" / "nanodet-coco").glob("*/model.json")).parent
            synced = stack("models", "sync", "--name", "nanodet-coco", "--source", source)
            assert synced.returncode == 0, synced.stdout + synced.stderr
            site = Site(stack, kubernetes, s3)
            site.local = site.run("--engine", "local")  # now the photographs' sizes are known
            site.local_rows = site.rows(site.local["run_id"])
            yield site


def test_pods_give_the_rows_that_the_local_engine_gives(site):
    local = site.local
    pods = site.run("--engine", "kubernetes", "--reprocess")
    assert len(site.kubernetes.created) == 4
    assert site.rows(pods["run_id"]) == site.local_rows
    assert pods["outcomes"] == local["outcomes"] == {"ok": 5, "empty": 3}
    assert pods["drafts_per_class"] == local["drafts_per_class"]
    assert pods["detections"] == local["detections"] > pods["drafts"], "more is stored than is drafted"
    assert pods["state"] == "success"
    assert site.kubernetes.pods == {}, "what has succeeded is deleted"
    assert {marker["host"] for marker in site.markers(pods["run_id"])} == {NODE}
    manifest = site.kubernetes.created[0]
    assert manifest["metadata"]["labels"]["dag_id"] == "preannotate"
    assert manifest["spec"]["containers"][0]["command"] == ["firstpass"]
    assert "secret-of-s3" not in json.dumps(site.kubernetes.created)


def test_a_night_of_faults_ends_well(site):
    """Out of memory, evicted, the registry and the API down for a moment, and a worker killed while its pod runs."""
    before = len(site.kubernetes.created)
    too_big = out_of_memory(lambda lines: site.infers(before))
    found_again = Event()
    site.kubernetes.pod_faults.extend([too_big, evicted(bool), registry_away(), frozen(found_again.is_set)])
    site.kubernetes.api_faults = [ApiFault("^POST .*/pods$", 429), ApiFault("^GET .*/log$", 500, times=2)]
    with ThreadPoolExecutor() as pool:
        killed = pool.submit(_kill_the_worker_of, site, before + 3, found_again)
        summary = site.run("--reprocess")
        killed.result()
    assert summary["state"] == "success"
    assert summary["outcomes"] == {"ok": 5, "empty": 3}
    assert len(site.kubernetes.created) - before == 4 + 3, "the pod of the killed worker was found again"
    labels = [pod["metadata"]["labels"] for pod in site.kubernetes.created[before:]]
    for lost in labels[1:3]:
        assert {each["try_number"] for each in labels if each["map_index"] == lost["map_index"]} == {"1"}
    sizes = {marker["batch_size"] for marker in site.markers(summary["run_id"])}
    assert len(sizes) == 2, f"one chunk went on in half batches: {sizes}"
    assert site.kubernetes.pods == {}


def test_a_chunk_that_fails_for_good_leaves_the_rest_of_the_night_intact(site):
    before = len(site.kubernetes.created)
    site.kubernetes.pod_faults.append(PodFault("Error", "", lambda lines: True, exit_code=2))
    below_the_floor = 0.15
    summary = site.run(threshold=below_the_floor, code=1)
    assert summary["state"] == "partial"
    assert len(site.kubernetes.created) - before == 4, "what needs a person is not tried again"
    assert 0 < summary["failed"] < 8
    assert sum(summary["outcomes"].values()) == summary["images"] == 8
    assert len(site.markers(summary["run_id"])) == 3
    again = site.run(threshold=below_the_floor)
    assert again["state"] == "success"
    assert again["skipped_known"] == 8 - summary["failed"]
    assert again["missing"] == again["failed"] == 0


def test_a_request_that_pods_cannot_reach_is_refused(site, tmp_path):
    done = site.stack("run", "--images", ROOT / "include" / "samples")
    assert done.returncode == 2
    assert "pods cannot reach" in done.stderr


def test_pods_can_be_waited_for_in_the_triggerer(site):
    site.stack.environment |= {
        "FIRSTPASS_KUBERNETES_DEFERRABLE": "true",
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        "KUBECONFIG": str(site.kubernetes.kubeconfig),  # as people have it for kubectl
    }
    restarted = site.stack("up", "--restart")  # the run before this one may be being published
    assert restarted.returncode == 0, restarted.stderr
    assert "KUBECONFIG is left out" in restarted.stderr + restarted.stdout
    before, read = len(site.kubernetes.requests), Event()
    site.kubernetes.pod_faults.extend([frozen(read.is_set)] * 4)
    with ThreadPoolExecutor() as pool:
        rows = pool.submit(_triggers, site, read)
        summary = site.run("--images", "s3://site/some", "--reprocess")
        for row in rows.result():
            assert "firstpass-infer-" in row
            assert site.kubernetes.token not in row
            assert "certificate-authority-data" not in row
    site.kubernetes.pod_faults.clear()
    assert summary["state"] == "success"
    assert summary["outcomes"] == {"ok": 3, "empty": 1}
    asked = [request for request in site.kubernetes.requests[before:] if "/log?" in request]
    assert asked
    assert all("timestamps=False" in request for request in asked), "the worker reads the log when all is over"
    assert site.kubernetes.pods == {}


def test_nothing_secret_is_in_logs_or_rendered_templates(site):
    places = [path for path in site.stack.home.rglob("*.log") if path.is_file()]
    assert places
    for secret in (site.kubernetes.token, "secret-of-s3"):
        for path in places:
            assert secret not in path.read_text(errors="replace"), path


def _triggers(site: Site, read: Event) -> list[str]:
    """What the metadata database keeps of triggers of pods, in the clear, once there is one; then they may go on."""
    dsn = make_dsn(site.stack("sql", "--dsn").stdout.strip(), dbname="airflow")
    deadline, found = time.monotonic() + 300, []
    try:
        while not found:
            assert time.monotonic() < deadline, "nothing was deferred"
            time.sleep(0.2)
            with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
                cursor.execute("SELECT kwargs FROM trigger WHERE classpath LIKE '%KubernetesPodTrigger'")
                found = [kwargs for (kwargs,) in cursor.fetchall()]
    finally:
        read.set()
    return found


def _kill_the_worker_of(site: Site, number: int, found_again: Event) -> None:
    """SIGKILL the task process that watches the pod created as `number`, and tell when another asks for that pod."""
    created = site.kubernetes.created
    deadline = time.monotonic() + 600
    while len(created) <= number or created[number]["metadata"]["name"] not in site.kubernetes.running():
        assert time.monotonic() < deadline, "the pod never ran"
        time.sleep(0.1)
    index = created[number]["metadata"]["labels"]["map_index"]
    dsn = make_dsn(site.stack("sql", "--dsn").stdout.strip(), dbname="airflow")
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM task_instance WHERE task_id = 'infer_in_pod' AND map_index = %s AND state = 'running'",
            [index],
        )
        title = f"airflow worker -- {cursor.fetchone()[0]}"
    found = [p for p in psutil.process_iter(["cmdline"]) if " ".join(p.info["cmdline"] or []).startswith(title)]
    assert len(found) == 1, title
    asked = site.kubernetes.requests
    before = len(asked)
    found[0].kill()
    while not any(request.endswith(f"/pods/{created[number]['metadata']['name']}") for request in asked[before:]):
        assert time.monotonic() < deadline, "nobody asked for the pod again"
        time.sleep(0.1)
    found_again.set()

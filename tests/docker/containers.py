"""The images themselves: built, and run as a cluster runs them. `make test-containers`; needs podman, and minutes.

Not collected by `make test`. The inference image runs the very pod that Airflow would send to Kubernetes, against S3 on
this machine; a GPU is not asked for.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import socketserver
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import psycopg2
import pytest
import yaml
from cryptography.fernet import Fernet
from psycopg2.extensions import make_dsn, parse_dsn

from doubles.s3 import s3_client, s3_server
from firstpass import storage
from firstpass.airflow.pod_manifest import pod
from firstpass.contracts.chunk_manifest import Chunk
from firstpass.contracts.image_reference import ImageRef
from firstpass.models import resolution
from firstpass.models.store import version_uri
from firstpass.settings import Settings

REPOSITORY = Path(__file__).resolve().parents[2]
INFERENCE, AIRFLOW = "localhost/firstpass-inference:test", "localhost/firstpass-airflow:test"
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
NONE_BUT = ["--read-only", "--cap-drop=all", "--security-opt=no-new-privileges", "--tmpfs=/tmp"]

pytestmark = pytest.mark.timeout(3600)


@pytest.fixture(scope="session")
def inference_image(podman) -> str:
    podman.build("docker/inference/Dockerfile", INFERENCE)
    return INFERENCE


@pytest.fixture(scope="session")
def airflow_image(podman) -> str:
    podman.build("docker/airflow/Dockerfile", AIRFLOW)
    return AIRFLOW


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """S3 with the bundled model and the sample photographs, each under thirty names, and under night/ once."""
    with s3_server() as address:
        client = s3_client(address)
        client.create_bucket(Bucket="firstpass")
        version = resolution.resolve("nanodet-coco")
        for file in Path(version_uri(version)).iterdir():
            key = f"models/{version.name}/{version.version}/{file.name}"
            client.upload_file(str(file), "firstpass", key)
        for photo in sorted((REPOSITORY / "include" / "samples").glob("*.[pj][np]g")):
            client.upload_file(str(photo), "firstpass", f"night/{photo.name}")
            for copy in range(30):
                client.upload_file(str(photo), "firstpass", f"images/{copy:02d}-{photo.name}")
        storage.use_s3(lambda: client)
        yield address
        storage.use_s3(None)


@pytest.fixture
def chunk(endpoint: str) -> Callable[[str, int], tuple[Chunk, str]]:
    """Plan a chunk of that many images; returns it with its URI."""
    version = resolution.resolve("nanodet-coco")
    listed = [ImageRef(entry.uri, entry.size, entry.etag) for entry in storage.listing("s3://firstpass/images")]

    def make(name: str, images: int) -> tuple[Chunk, str]:
        run = f"s3://firstpass/runs/{name}"
        made = Chunk(
            run_id=name,
            index=0,
            model=version.ref,
            model_uri=f"s3://firstpass/models/{version.name}/{version.version}",
            floor=0.4,
            revision=2,
            batch_size=8,
            output_uri=f"{run}/results/00000.parquet",
            images=tuple(listed[:images]),
        )
        return made, made.save(run)

    return make


@pytest.fixture
def start(podman, inference_image: str, endpoint: str) -> Iterator[Callable[..., str]]:
    """Run a chunk in a pod, as Airflow would ask for it; returns the container's name."""
    started = []

    def play(chunk_uri: str, memory: str = "3Gi") -> str:
        settings = Settings(
            storage="s3://firstpass/runs",
            models="s3://firstpass/models",
            s3_endpoint=endpoint,
            kubernetes_image=inference_image,
            kubernetes_memory=memory,
            kubernetes_env=KEYS,
        )
        manifest = pod(settings)
        manifest["metadata"]["name"] = f"firstpass-{len(started)}-{os.getpid()}"
        manifest["spec"]["hostNetwork"] = True  # S3 listens on this machine's 127.0.0.1
        base = manifest["spec"]["containers"][0]
        base |= {"command": ["firstpass"], "args": ["infer", chunk_uri]}
        for entry in base["env"]:
            if "valueFrom" in entry:  # the node's name, which this podman cannot tell
                entry |= {"value": "here"}
                del entry["valueFrom"]
        started.append(manifest["metadata"]["name"])
        return podman.play(manifest)

    yield play
    for name in started:
        podman("pod", "rm", "--force", "--time=0", name, check=False)


def here(chunk_uri: str, endpoint: str, tmp_path: Path) -> None:
    """The same command on this machine, in this environment."""
    environment = os.environ | KEYS | {"FIRSTPASS_S3_ENDPOINT": endpoint, "FIRSTPASS_CACHE": str(tmp_path)}
    command = [Path(sys.executable).with_name("firstpass"), "infer", chunk_uri]
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=600)


def marker(chunk: Chunk) -> dict[str, Any]:
    return json.loads(storage.read(chunk.done_uri))


def wait_for(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(1)


def test_the_inference_image_holds_what_inference_needs_and_no_more(podman, inference_image):
    script = (
        "import importlib.util as u, os, pathlib, firstpass.inference.chunk_inference as r;"
        "print([m for m in ('airflow', 'psycopg2', 'great_expectations', 'matplotlib', 'pandas') if u.find_spec(m)]);"
        "print(os.getuid(), os.getgid(), pathlib.Path(r.__cached__).exists())"
    )
    said = podman("run", "--rm", *NONE_BUT, "--entrypoint=python", inference_image, "-c", script)
    assert said.splitlines()[-2:] == ["[]", "10001 10001 True"]


def test_a_pod_does_what_this_machine_does(podman, start, chunk, endpoint, tmp_path):
    """The same bytes, from a container that is not root, writes nothing to its image and may do nothing."""
    in_pod, uri = chunk("in-a-pod", 8)
    container = start(uri)
    state = json.loads(podman("inspect", container))[0]
    assert state["HostConfig"]["ReadonlyRootfs"]
    assert state["Config"]["User"].startswith("10001")
    assert state["EffectiveCaps"] in (None, [])
    assert podman.wait(container) == 0, podman("logs", container)
    said = podman("logs", container).splitlines()
    assert len(said) == 1, said  # nothing but its own summary
    assert said[0].startswith("8 images")

    on_this_machine, uri = chunk("here", 8)
    here(uri, endpoint, tmp_path)
    assert storage.read(in_pod.output_uri) == storage.read(on_this_machine.output_uri)
    assert marker(in_pod)["detections"] > 0


def test_sigterm_keeps_what_is_done_and_the_next_pod_goes_on(podman, start, chunk, endpoint, tmp_path):
    long, uri = chunk("stopped", 240)
    container = start(uri)
    wait_for(lambda: storage.exists(long.progress_uri) or not running(podman, container), 120)
    podman("kill", "--signal=TERM", container)
    asked = time.monotonic()
    assert podman.wait(container) == 143, podman("logs", container)
    assert time.monotonic() - asked < 60  # the pod's grace period
    assert "they are kept" in podman("logs", container)
    assert not storage.exists(long.done_uri)

    assert podman.wait(start(uri)) == 0
    assert marker(long)["resumed"] >= 8
    whole, uri = chunk("whole", 240)
    here(uri, endpoint, tmp_path)
    assert storage.read(long.output_uri) == storage.read(whole.output_uri)


def running(podman, container: str) -> bool:
    return json.loads(podman("inspect", container))[0]["State"]["Running"]


def test_a_pod_out_of_memory_exits_with_137_and_the_next_takes_half_the_batch(podman, start, chunk):
    large, uri = chunk("out-of-memory", 8)
    assert podman.wait(start(uri, memory="250Mi")) == 137
    assert not storage.exists(large.done_uri)
    container = start(uri)
    assert podman.wait(container) == 0, podman("logs", container)
    assert marker(large)["batch_size"] == large.batch_size // 2


@pytest.fixture
def postgres(postgres_dsn: str) -> Iterator[int]:
    """A port of 127.0.0.1 at which the throw-away server, which listens on a socket of its own user, is to be had."""
    address = str(Path(parse_dsn(postgres_dsn)["host"]) / ".s.PGSQL.5432")

    class Relay(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.socket(socket.AF_UNIX) as server:
                server.connect(address)
                back = Thread(target=copy, args=(server, self.request), daemon=True)
                back.start()
                copy(self.request, server)
                back.join()

    def copy(source: socket.socket, target: socket.socket) -> None:
        with source.makefile("rb", buffering=0) as incoming, target.makefile("wb", buffering=0) as outgoing:
            shutil.copyfileobj(incoming, outgoing)
        target.shutdown(socket.SHUT_WR)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Relay) as relay:
        Thread(target=relay.serve_forever, daemon=True).start()
        yield relay.server_address[1]
        relay.shutdown()


@pytest.fixture
def service(podman, airflow_image: str, endpoint: str, postgres: int) -> Iterator[Callable[..., str]]:
    """Start a service of compose.yaml as it stands there, but on this machine's network; returns its container."""
    services = yaml.safe_load((REPOSITORY / "docker" / "compose.yaml").read_text())["services"]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    server = f"secret@127.0.0.1:{postgres}"
    environment = KEYS | {
        "ADMIN_PASSWORD": "password of the test",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://metadata:{server}/airflow",
        "AIRFLOW__CORE__FERNET_KEY": Fernet.generate_key().decode(),
        "AIRFLOW__API__SECRET_KEY": secrets.token_hex(32),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
        "AIRFLOW__API__PORT": port,
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "FIRSTPASS_WAREHOUSE_DSN": f"postgresql://warehouse:{server}/firstpass",
        "SUPERUSER_DSN": f"postgresql://postgres:{server}/postgres",
        "FIRSTPASS_S3_ENDPOINT": endpoint,
        "FIRSTPASS_STORAGE": "s3://firstpass/storage",
        "FIRSTPASS_MODELS": "s3://prepared/models",
        "FIRSTPASS_IMAGES": "s3://firstpass/night",
        "FIRSTPASS_SCHEDULE": "",
    }
    by_name = {name for service in services.values() for name in service.get("environment", {})}
    volumes = [f"--volume=firstpass-test-{name}:/opt/airflow/{name}" for name in ("logs", "var")]

    def begin(name: str) -> str:
        health = " ".join(services[name].get("healthcheck", {}).get("test", [])[1:2])
        assert name == "init" or health in {"python", "airflow"}
        container = f"firstpass-test-{name}"
        podman("rm", "--force", "--time=0", container, check=False)
        asked = services[name]["environment"]  # what is given by name reaches nobody else
        given = [f"--env={key}={environment[key]}" for key in environment if key in asked or key not in by_name]
        confined = [*NONE_BUT, f"--user={services[name]['user']}"]
        podman(
            "run",
            "--detach",
            "--name",
            container,
            *confined,
            *given,
            *volumes,
            airflow_image,
            *services[name]["command"],
        )
        return container

    begin.healthy = (
        lambda name: [  # type: ignore[attr-defined]
            part.replace("8080", port) for part in services[name]["healthcheck"]["test"][1:]
        ]
    )
    begin.url = f"http://127.0.0.1:{port}"  # type: ignore[attr-defined]
    yield begin
    for name in services:
        podman("rm", "--force", "--time=10", f"firstpass-test-{name}", check=False)
    podman("volume", "rm", "--force", "firstpass-test-logs", "firstpass-test-var", check=False)


def test_a_night_in_the_airflow_image(podman, service, postgres_dsn):
    """compose.yaml's own services, read-only and without rights: prepared twice, healthy, then one night."""
    with closing(psycopg2.connect(postgres_dsn)) as connection:
        connection.autocommit = True
        connection.cursor().execute("CREATE DATABASE airflow")  # what the image of PostgreSQL makes by itself
    for _ in range(2):
        init = service("init")
        assert podman.wait(init, timeout=600) == 0, podman("logs", init)
    started = {name: service(name) for name in ("api-server", "scheduler", "dag-processor", "triggerer")}

    def healthy(name: str) -> bool:
        return "FAILED" not in podman(
            "exec", started[name], "bash", "-c", '"$@" || echo FAILED', "-", *service.healthy(name)
        )

    for name in started:
        wait_for(lambda name=name: healthy(name), 600)
    login = {"username": "admin", "password": "password of the test"}
    assert httpx.post(f"{service.url}/auth/token", json=login).status_code == 201
    assert httpx.post(f"{service.url}/auth/token", json=login | {"password": "another"}).status_code == 401

    listed = json.loads(
        podman("exec", started["scheduler"], "airflow", "pools", "list", "--output=json").splitlines()[0]
    )
    assert next(pool for pool in listed if pool["pool"] == "gpu")["include_deferred"] == "True"
    wait_for(lambda: "preannotate" in podman("exec", started["scheduler"], "airflow", "dags", "list"), 300)
    podman("exec", started["scheduler"], "airflow", "dags", "trigger", "preannotate")

    def state() -> str:
        with closing(psycopg2.connect(make_dsn(postgres_dsn, dbname="firstpass"))) as warehouse:
            cursor = warehouse.cursor()
            cursor.execute("SELECT state, ok + empty FROM run_statistics")
            return str(cursor.fetchall())

    def reported() -> bool:
        return any(entry.uri.endswith("/report.html") for entry in storage.listing("s3://firstpass/storage"))

    wait_for(lambda: state() == "[('success', 8)]", 900)
    wait_for(reported, 300)  # the last task's work

"""`firstpass infer`, as a pod runs it: alone, quiet, and stopped in order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from doubles.s3_faults import Refuse, faulty_s3
from firstpass import storage
from firstpass.inference.chunk_inference import done_marker
from firstpass.inference.result_rows import from_bytes
from firstpass.models import resolution
from firstpass.models.store import version_uri
from firstpass.settings import settings

TESTS = Path(__file__).resolve().parents[1]
SAMPLES = TESTS.parent / "include" / "samples"

# What the inference image does not have. Importing any of it, however indirectly, fails as it would there.
WITHOUT = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"airflow", "psycopg2", "great_expectations", "matplotlib", "pandas", "cvat_sdk"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
import firstpass.inference.chunk_inference, firstpass.cli
"""

PAINTED = f"""
import sys
sys.path.insert(0, {str(TESTS)!r})
from doubles.painted import Painted, install
install(Painted(seconds=0.2))
"""


# A client that does not try again by itself: what is waited for is then waiting's affair alone.
IMPATIENT = """
import boto3, os
from botocore.config import Config
from firstpass import storage, waiting
waiting.FIRST_PAUSE = 0.05
storage.use_s3(lambda: boto3.client("s3", endpoint_url=os.environ["FIRSTPASS_S3_ENDPOINT"], region_name="x",
    config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})))
"""


def command(script: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """`firstpass` with these arguments, in a process of its own with these variables, after `script`."""
    code = f"{script}\nsys.argv = {['firstpass', *arguments]!r}\nfrom firstpass.cli import main\nmain()"
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OPENCV_LOG_LEVEL": "WARNING"} | environment,
    )


@pytest.fixture(autouse=True)
def committed_models(monkeypatch):
    monkeypatch.setenv("FIRSTPASS_MODELS", str(SAMPLES.parent / "models"))
    settings.cache_clear()


def test_a_real_chunk_with_nothing_but_what_a_pod_has(chunk, paint):
    """The default model on four photographs and a damaged one; the objects are those that the photographs show."""
    version = resolution.resolve("nanodet-coco")
    damaged = bytearray((SAMPLES / "rocket.jpg").read_bytes())
    damaged[60_000:60_004] = b"\xff\xd9\0\0"  # libjpeg complains on descriptor 2
    photos = ["chelsea.png", "astronaut.png", "horse.png", "camera.png"]
    images = [paint(name, (SAMPLES / name).read_bytes()) for name in photos]
    images.append(paint("damaged.jpg", bytes(damaged)))
    made, uri = chunk(images, model=version.ref, model_uri=version_uri(version))
    process = command(WITHOUT, "infer", uri)
    output, errors = process.communicate(timeout=200)
    assert process.returncode == 0, errors
    assert errors == ""
    assert output.startswith("5 images (4 ok, 1 unreadable), ")
    assert output.rstrip().endswith("images/s on cpu")
    assert output.count("\n") == 1
    rows = from_bytes(storage.read(made.output_uri)).to_pylist()
    names = version.classes.names
    assert [{names[i] for i in row["class_ids"]} for row in rows[:3]] == [{"cat"}, {"person"}, {"horse"}]
    assert "person" in {names[i] for i in rows[3]["class_ids"]}


def test_asked_to_stop_it_keeps_what_is_done_and_continues_later(chunk, paint):
    made, uri = chunk([paint(f"{i}.png", (i * 6, 0, 0)) for i in range(40)])
    process = command(PAINTED, "infer", uri)
    while not storage.exists(made.progress_uri):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 143, errors
    assert "of 40 images; they are kept" in output
    assert not storage.exists(made.done_uri)
    assert {entry.uri.rsplit("/", 1)[1] for entry in storage.listing(made.parts_uri)} >= {"attempt.json"}
    process = command(PAINTED, "infer", uri)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert "of 40 images are done" in errors
    assert output.startswith("40 images")
    assert len(from_bytes(storage.read(made.output_uri))) == 40


def test_what_a_person_can_put_right_ends_with_2(chunk, paint, tmp_path):
    _, uri = chunk([paint("a.png", (1, 0, 0))])
    path = storage.local_path(uri)
    path.write_text(path.read_text().replace("0.4", "0.1"))
    process = command("import sys", "infer", uri)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "was changed after it was planned" in errors
    assert "What to do: plan the run again" in errors
    assert "Traceback" not in errors


@pytest.fixture
def shaky(s3_endpoint, bucket, monkeypatch):
    """The S3 server behind a proxy: `shaky.fault` is what befalls a request; child processes use it."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with faulty_s3(s3_endpoint) as proxy:
        monkeypatch.setenv("FIRSTPASS_S3_ENDPOINT", proxy.endpoint)
        yield proxy


AWAY = Refuse(503, "SlowDown")


def test_object_storage_that_is_away_for_a_while_costs_time_and_nothing_else(chunk, paint, bucket, shaky):
    images = [paint(f"{i}.png", (i * 6, 0, 0)) for i in range(1, 9)]
    made, uri = chunk(images, output_uri=f"{bucket}/results/0.parquet")
    shaky.fault = lambda request: AWAY if 3 <= len(shaky.requests) < 8 else None
    process = command(PAINTED + IMPATIENT, "infer", uri)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert "Waiting since" in errors
    assert "object storage answers SlowDown" in errors
    assert "It is back after" in errors
    marker = done_marker(made)
    assert (marker["attempt"], marker["rows"], marker["batch_size"]) == (1, 8, 4)
    assert marker["waited_seconds"] > 0
    assert len(from_bytes(storage.read(made.output_uri))) == 8


def test_storage_that_stays_away_ends_with_75_and_is_no_killed_process(chunk, paint, bucket, shaky):
    made, uri = chunk([paint(f"{i}.png", (i, 0, 0)) for i in range(1, 9)], output_uri=f"{bucket}/results/0.parquet")
    # The attempt's first note is written, then storage goes away.
    shaky.fault = lambda request: AWAY if any(each.method == "PUT" for each in shaky.requests[:-1]) else None
    process = command(PAINTED + IMPATIENT, "infer", uri, FIRSTPASS_WAIT_MINUTES="0.01")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 75, errors
    assert "object storage answers SlowDown (waited for" in errors
    assert "What to do: bring object storage back" in errors
    assert "Traceback" not in errors
    assert done_marker(made) is None
    shaky.requests.clear()
    shaky.fault = lambda request: AWAY if len(shaky.requests) < 3 else None
    process = command(PAINTED + IMPATIENT, "infer", uri)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert "was killed" not in errors
    marker = done_marker(made)
    assert (marker["attempt"], marker["batch_size"], marker["rows"]) == (2, 4, 8)


def test_a_disk_that_is_full_is_waited_for_at_each_of_a_chunk_s_files(chunk, paint):
    made, uri = chunk([paint("a.png", (200, 0, 0))])
    full = """
import errno, os
from firstpass import waiting
waiting.FIRST_PAUSE = 0.01
fsync, seen = os.fsync, set()
def once(descriptor):
    name = os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}")).rsplit(".", 1)[0]
    if name not in seen:
        seen.add(name)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    fsync(descriptor)
os.fsync = once
"""
    process = command(PAINTED + full, "infer", uri)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    for name in ("attempt.json", "00000.parquet", "00000.parquet.done.json"):
        assert f"{name}: the disk is full (No space left on device)" in errors
    assert done_marker(made)["rows"] == 1
    folder = storage.local_path(made.output_uri).parent
    assert {path.name for path in folder.iterdir()} == {
        "00000.parquet", "00000.parquet.done.json", "00000.parquet.progress.json"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("environment", "asked"),
    [({"FIRSTPASS_GPUS": "1"}, "1 GPU asked for"), ({"FIRSTPASS_MACHINE": "t4"}, "1 GPU asked for"),
     ({"FIRSTPASS_GPUS": "2", "FIRSTPASS_ENGINE": "kubernetes"}, "2 GPUs asked for")],
)  # fmt: skip
def test_a_gpu_that_was_asked_for_and_is_not_there_is_an_error(chunk, paint, environment, asked):
    if list(Path("/dev").glob("nvidia[0-9]*")):
        pytest.skip("this machine has a GPU")
    made, uri = chunk([paint("a.png", (200, 0, 0))])
    process = command(PAINTED, "infer", uri, **environment)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 2, errors
    assert f"firstpass: {asked}, none found: no NVIDIA driver here" in errors
    assert "FIRSTPASS_KUBERNETES_GPUS=0" in errors
    assert output == ""
    assert not storage.exists(made.output_uri)


def test_where_a_gpu_is_missing_the_real_network_s_library_is_heard(chunk, paint):
    if list(Path("/dev").glob("nvidia[0-9]*")):
        pytest.skip("this machine has a GPU")
    version = resolution.resolve("nanodet-coco")
    photo = paint("a.png", (SAMPLES / "chelsea.png").read_bytes())
    made, uri = chunk([photo], model=version.ref, model_uri=version_uri(version))
    process = command(WITHOUT, "infer", uri, FIRSTPASS_GPUS="1")
    _, errors = process.communicate(timeout=200)
    assert process.returncode == 2, errors
    (line,) = [line for line in errors.splitlines() if line.startswith("firstpass: ")]
    assert "1 GPU asked for, none found" in line
    assert "was built for CUDA 12" in line
    assert "it said: " in line
    assert "cuInit" in line
    assert "Traceback" not in errors
    assert not storage.exists(made.output_uri)

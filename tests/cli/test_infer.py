"""`firstpass infer`, as a pod runs it: alone, quiet, and stopped in order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from firstpass import storage
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


def command(script: str, *arguments: str) -> subprocess.Popen[str]:
    """`firstpass` with these arguments, in a process of its own, after `script`."""
    code = f"{script}\nsys.argv = {['firstpass', *arguments]!r}\nfrom firstpass.cli import main\nmain()"
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OPENCV_LOG_LEVEL": "WARNING"},
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
    assert output.startswith("5 images (1 empty, 4 ok), ")
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
    assert "continues at image" in errors
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

"""Pictures that kill the process, for real: each costs itself, whatever dies with it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest

from doubles import deadly
from firstpass import storage
from firstpass.inference.chunk_inference import done_marker
from firstpass.inference.result_rows import from_bytes
from firstpass.warehouse.merge import fail_chunk
from fixtures.made_up_runs import query

TESTS = Path(__file__).resolve().parents[1]
LIMIT = "600Mi"


def command(uri: str, where: str = "predict", seconds: float = 0.0, **env: str) -> subprocess.Popen[str]:
    """`firstpass infer` in a process group of its own, with a detector that some pictures kill."""
    code = f"""
import sys
sys.path.insert(0, {str(TESTS)!r})
from doubles.deadly import Deadly
from doubles.painted import install
install(Deadly({where!r}, {seconds}))
sys.argv = ["firstpass", "infer", {uri!r}]
from firstpass.cli import main
main()
"""
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env=os.environ | {"FIRSTPASS_MEMORY": LIMIT, **env},
    )


def run(uri: str, where: str = "predict") -> tuple[int, str]:
    process = command(uri, where)
    output, _ = process.communicate(timeout=100)
    return process.returncode, output


@pytest.fixture
def pictures(paint, chunk):
    """A chunk of twenty pictures, every second with a detection; `killers` gives the height of some."""

    def make(killers: dict[int, int], **changes):
        images = [
            paint(f"{i:02}.png", (200 * (i % 2), 0, 0), (13, killers[i]) if i in killers else (8, 6)) for i in range(20)
        ]
        return chunk(images, **changes)

    return make


def check(made, killers: dict[int, str]) -> None:
    rows = from_bytes(storage.read(made.output_uri)).to_pylist()
    assert [row["uri"] for row in rows] == [image.uri for image in made.images]
    usual = ["ok" if i % 2 else "empty" for i in range(20)]
    assert [row["outcome"] for row in rows] == ["failed" if i in killers else usual[i] for i in range(20)]
    for position, said in killers.items():
        assert rows[position]["reason"].startswith("killed the process when it ran alone")
        assert said in rows[position]["reason"]
        assert len(rows[position]["sha256"]) == 64
    assert all(row["reason"] is None for i, row in enumerate(rows) if i not in killers)
    assert list(storage.listing(made.parts_uri)) == []


@pytest.mark.parametrize(
    ("where", "how", "said"),
    [
        ("predict", deadly.SIGKILL, "twice: SIGKILL at "),
        ("prepare", deadly.SEGFAULT, "twice: SIGSEGV at "),
        ("predict", deadly.HOG, "twice: SIGKILL by Firstpass at "),
        ("prepare", deadly.HOG, "twice: SIGKILL by Firstpass at "),
    ],
)
def test_a_picture_that_kills_its_process_costs_itself_and_no_try(pictures, where, how, said):
    made, uri = pictures({11: how})
    code, output = run(uri, where)
    assert code == 0, output
    check(made, {11: said})
    reason = from_bytes(storage.read(made.output_uri))["reason"][11].as_py()
    assert reason.endswith(" MiB of resident memory, limit 600 MiB")
    marker = done_marker(made)
    assert (marker["attempt"], marker["batch_size"]) == (1, 4)
    assert [killer["deaths"] for killer in marker["killers"]] == [2]
    assert marker["limits"]["memory"] == 600 * 2**20
    assert "20 images (10 empty, 1 failed, 9 ok)" in output


def test_one_that_takes_everything_with_it_is_found_within_four_tries(pictures):
    made, uri = pictures({11: deadly.GROUP})
    codes = [run(uri)[0] for _ in range(4)]
    assert codes == [-9, -9, -9, 0]
    check(made, {11: "twice: everything around it was killed as well"})


def test_so_are_two_in_different_corners(pictures):
    made, uri = pictures({2: deadly.GROUP, 17: deadly.GROUP})
    codes = [run(uri)[0] for _ in range(4)]
    assert codes == [-9, -9, -9, 0]
    check(made, dict.fromkeys((2, 17), ": everything around it was killed as well"))
    assert [killer["deaths"] for killer in done_marker(made)["killers"]] == [1, 1], "no try was left to be sure"


def test_several_kinds_in_one_chunk(pictures):
    made, uri = pictures({0: deadly.SEGFAULT, 1: deadly.SIGKILL, 19: deadly.SEGFAULT})
    code, output = run(uri)
    assert code == 0, output
    check(made, {0: "SIGSEGV", 1: "SIGKILL", 19: "SIGSEGV"})


def test_one_whose_results_lie_in_object_storage(pictures, bucket, s3_endpoint, monkeypatch):
    monkeypatch.setenv("FIRSTPASS_S3_ENDPOINT", s3_endpoint)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "us-east-1" if name.endswith("REGION") else "test")
    made, uri = pictures({11: deadly.GROUP}, output_uri=f"{bucket}/runs/r/results/00000.parquet")
    codes = [run(uri)[0] for _ in range(4)]
    assert codes == [-9, -9, -9, 0]
    check(made, {11: "everything around it was killed as well"})


def test_a_process_that_somebody_killed_costs_no_image(pictures):
    made, uri = pictures({})
    process = command(uri, seconds=0.3)
    while not storage.exists(made.progress_uri):
        assert process.poll() is None, process.stdout.read()
        time.sleep(0.05)
    (child,) = psutil.Process(process.pid).children()
    assert Path(f"/proc/{child.pid}/oom_score_adj").read_text().strip() == "1000"
    child.kill()
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    check(made, {})
    assert done_marker(made)["killers"] == []


def test_a_supervisor_that_is_killed_leaves_nobody_behind(pictures):
    made, uri = pictures({})
    process = command(uri, seconds=0.3)
    while not storage.exists(made.progress_uri):
        time.sleep(0.05)
    (child,) = psutil.Process(process.pid).children()
    process.kill()
    child.wait(timeout=20)
    process.communicate(timeout=20)
    code, output = run(uri)
    assert code == 0, output
    check(made, {})


def test_a_child_that_hangs_in_native_code_dies_with_its_supervisor(pictures):
    _, uri = pictures({19: deadly.STUCK})
    process = command(uri)
    assert "stuck\n" in iter(process.stdout.readline, "")
    (child,) = psutil.Process(process.pid).children()
    process.kill()
    child.wait(timeout=20)
    process.communicate(timeout=20)


def test_what_a_chunk_has_of_which_each_try_was_killed_is_merged(pictures, warehouse, night):
    tonight = night()
    made, uri = pictures(
        {9: deadly.GROUP},
        run_id=tonight.spec.run_id,
        model=tonight.spec.model,
        floor=tonight.spec.floor,
        output_uri=storage.join(tonight.spec.uri, "results", "00000.parquet"),
    )
    assert [run(uri)[0] for _ in range(3)] == [-9, -9, -9]
    counts = fail_chunk(warehouse, tonight.spec, made, "it did not finish")
    rows = query(warehouse, "SELECT outcome, reason FROM run_images ORDER BY uri")
    assert len(rows) == counts["images"] == 20
    assert rows[9][0] == "failed"
    assert rows[9][1].startswith("killed the process when it ran alone, twice: everything around it was killed")
    finished = [outcome for outcome, reason in rows if reason is None]
    assert len(finished) == 19, "all others ran before it was tried again"
    assert counts == Counter(outcome for outcome, _ in rows) | {
        "images": 20, "detections": finished.count("ok"), "drafts": finished.count("ok")
    }  # fmt: skip
    assert query(warehouse, "SELECT state, count(*) FROM chunks GROUP BY 1") == [("partial", 1)]
    assert query(warehouse, "SELECT deaths FROM image_faults") == [(2,)]


def test_a_limit_that_nothing_fits_into_ends_with_2(pictures):
    _, uri = pictures({})
    process = command(uri, FIRSTPASS_MEMORY="20Mi")
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 2, output
    assert "needs more memory than it may have" in output
    assert "Traceback" not in output

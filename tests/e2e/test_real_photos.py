"""The main job through real Airflow, PostgreSQL and TensorFlow, on real photographs."""

from __future__ import annotations

import json
import re
import signal
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

SEEN = {"person": {"astronaut.png", "camera.png"}, "cat": {"chelsea.png"}, "horse": {"horse.png"}}
NOTHING = {"rocket.jpg", "china.jpg", "flower.jpg"}


def names(stack, run_id: str) -> dict[str, set[str]]:
    """Class name → the files it was seen in, read from a COCO export."""
    out = stack.home / "export" / run_id[-12:]
    done = stack("export", "--run", run_id, "--format", "coco", "--out", out)
    assert done.returncode == 0, done.stderr
    coco = json.loads((out / "annotations" / "instances_default.json").read_text())
    files = {image["id"]: image["file_name"] for image in coco["images"]}
    classes = {category["id"]: category["name"] for category in coco["categories"]}
    seen: dict[str, set[str]] = {}
    for annotation in coco["annotations"]:
        seen.setdefault(classes[annotation["category_id"]], set()).add(files[annotation["image_id"]])
    return seen


def test_the_samples_show_what_is_in_them(stack):
    summary = stack.run("--reprocess")
    assert summary["images"] == 8
    assert summary["outcomes"] == {"ok": 5, "empty": 3}
    seen = names(stack, summary["run_id"])
    for name, files in SEEN.items():
        assert files <= seen[name], name
    assert "coffee.png" in seen["dining table"]
    assert not NOTHING & set().union(*seen.values())
    report = Path(summary["report"])
    assert report.is_file()
    page = report.read_text()
    assert "data:image/" in page
    assert not re.search(r"""(?:src|href)=["']?https?://""", page), "the report reaches out to the network"
    assert stack("report", "latest").stdout.strip() == str(report)


def test_a_second_run_finds_nothing_new_and_a_changed_photo_is_done_again(stack, photos):
    first = stack.run("--images", photos, "--threshold", "0.35", "--reprocess")
    assert first["skipped_known"] == 0

    second = stack("run", "--images", photos, "--threshold", "0.35")
    assert second.returncode == 0
    assert "nothing new" in (second.stdout + second.stderr).lower()

    stricter = stack.run("--images", photos, "--threshold", "0.7")
    assert stricter["skipped_known"] == 8, "another threshold infers nothing"
    assert 0 < stricter["drafts"] < first["drafts"]
    assert stricter["detections"] == 0

    pixels = np.asarray(Image.open(photos / "horse.png").convert("L"))
    Image.fromarray(pixels[:, ::-1]).save(photos / "horse.png")
    (photos / "again.png").write_bytes((photos / "chelsea.png").read_bytes())
    third = stack.run("--images", photos, "--threshold", "0.35")
    assert third["images"] == 9
    assert third["outcomes"]["ok"] == 1, "the changed photo alone was inferred"
    assert third["skipped_known"] + third["duplicates"] == 8
    assert {"chelsea.png", "again.png"} <= names(stack, third["run_id"])["cat"]


def test_bad_files_are_quarantined_and_stop_nothing(stack, tmp_path, photos):
    (photos / "empty.jpg").touch()
    (photos / "text.jpg").write_text("not an image at all")
    whole = (photos / "china.jpg").read_bytes()
    (photos / "truncated.jpg").write_bytes(whole[: len(whole) // 2])
    nested = photos / "sub folder" / "größer"
    nested.mkdir(parents=True)
    Image.open(photos / "astronaut.png").convert("CMYK").save(nested / "cmyk é.jpg")
    Image.new("L", (1, 1)).save(nested / "one.png")
    (nested / "loop").symlink_to(photos)
    summary = stack.run("--images", photos, "--threshold", "0.41")
    assert summary["unreadable"] == 3
    assert {Path(q["uri"]).name for q in summary["quarantined"]} == {"empty.jpg", "text.jpg", "truncated.jpg"}
    assert all(len(q["reason"]) > 10 for q in summary["quarantined"])
    assert sum(summary["outcomes"].values()) == summary["images"] == 13
    assert "sub folder/größer/cmyk é.jpg" in names(stack, summary["run_id"])["person"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--images", "/no/such/folder"], ["/no/such/folder"]),
        (["--model", "no-such-model"], ["no-such-model", "nanodet-coco"]),
        (["--model", "nanodet-coco@0000000000ff"], ["0000000000ff"]),
        (["--threshold", "1.5"], ["1.5", "0 to 1"]),
        (["--class-threshold", "unicorn=0.5"], ["unicorn"]),
    ],
)
def test_a_wrong_request_says_what_to_do(stack, arguments, words):
    done = stack("run", *arguments)
    assert done.returncode not in (0, 1), done.stdout + done.stderr
    for word in words:
        assert word in done.stderr, done.stderr
    assert "What to do" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_run_survives_postgresql_being_stopped_in_the_middle(stack, photos):
    """The server is killed while the run is under way; it comes back by itself and the run goes on to its end."""
    import subprocess
    import threading

    result: dict[str, subprocess.CompletedProcess] = {}
    thread = threading.Thread(
        target=lambda: result.update(done=stack("run", "--images", photos, "--reprocess", "--json", timeout=400))
    )
    thread.start()
    time.sleep(12)
    killed = 0
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if (
            words
            and Path(words[0]).name == "postgres"
            and "-D" in words
            and str(stack.home)
            in " ".join(psutil.Process(process.pid).environ().get(k, "") for k in ("FIRSTPASS_HOME", "AIRFLOW_HOME"))
        ):
            process.send_signal(signal.SIGQUIT)
            killed += 1
    assert killed == 1
    thread.join()
    summary = json.loads(result["done"].stdout)
    assert result["done"].returncode == 0, result["done"].stderr
    assert sum(summary["outcomes"].values()) == summary["images"] == 8

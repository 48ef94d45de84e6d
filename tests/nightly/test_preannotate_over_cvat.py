"""A whole night over a CVAT task, through the functions that Airflow calls, with real photographs and inference."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from psycopg2.extensions import connection

from doubles.cvat import CvatDouble, Frame, Task
from firstpass.cvat.publishing.publish_run import publish_run
from firstpass.nightly import preannotate
from firstpass.settings import settings
from firstpass.warehouse.connection import connect
from firstpass.warehouse.run_summary import run_summary
from firstpass.warehouse.runs import finish_run

SAMPLES = Path(__file__).resolve().parents[2] / "include" / "samples"


@pytest.fixture
def task(cvat: CvatDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Task]:
    """Four photographs; the second is held sideways, as EXIF says, and nobody sees anything in the last."""
    monkeypatch.setenv("FIRSTPASS_STORAGE", str(tmp_path / "storage"))
    settings.cache_clear()
    frames = [Frame(name, (SAMPLES / name).read_bytes()) for name in ("chelsea.png", "coffee.png", "astronaut.png")]
    frames.insert(1, Frame("sideways.jpg", sideways(frames[0].data)))
    frames[3] = Frame("blank.png", png(Image.new("RGB", (320, 240))))
    labels = [{"name": name, "type": "rectangle"} for name in ("Cat", "cup", "dining_table", "person")]
    yield cvat.state.add_task("real", labels=labels, frames=frames, chunk_size=2)
    settings.cache_clear()


def sideways(data: bytes) -> bytes:
    """The same picture as a camera would store it that was turned by a quarter."""
    exif = Image.Exif()
    exif[0x0112] = 6
    out = io.BytesIO()
    Image.open(io.BytesIO(data)).convert("RGB").rotate(90, expand=True).save(out, "JPEG", quality=97, exif=exif)
    return out.getvalue()


def png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def night(run_id: str, task: Task) -> dict[str, Any]:
    """Everything but checks and report. Returns the run's summary."""
    run = preannotate.resolve_model(
        preannotate.RunRequest(run_id, f"cvat:task/{task.id}", "nanodet-coco", threshold=0.4)
    )
    preannotate.admit_model(run)
    preannotate.catalogue_images(run)
    chunks = preannotate.plan_chunks(run)
    for chunk in chunks:
        preannotate.infer(chunk)
    preannotate.merge(run, chunks)
    with closing(connect()) as conn:
        finish_run(conn, run_id, "success")
        return run_summary(conn, run_id)


def cats(task: Task) -> dict[int, list[float]]:
    """Frame → the cat's box."""
    (label,) = [label.id for label in task.labels if label.name == "Cat"]
    return {s["frame"]: s["points"] for s in task.shapes.values() if s["label_id"] == label}


@pytest.mark.timeout(600)
def test_a_night_over_a_task_and_the_one_after(warehouse: connection, cvat: CvatDouble, task: Task) -> None:
    summary = night("first", task)
    assert (summary["images"], summary["outcomes"]) == (4, {"ok": 3, "empty": 1})
    assert cvat.requests[f"GET /api/tasks/{task.id}/data/"] == 2  # two data chunks of two frames

    published = publish_run("first", unchecked=True)
    assert published["state"] == "published"
    assert published["frames"] == 4
    assert len(task.shapes) == published["shapes"] > 0
    upright, turned = cats(task)[0], cats(task)[1]
    assert turned == pytest.approx(upright, abs=12), "the same cat, in the pixels that CVAT shows"

    before = dict(task.shapes)
    again = night("second", task)
    assert again["outcomes"] == {"known": 4}
    assert cvat.requests[f"GET /api/tasks/{task.id}/data/"] == 2
    assert publish_run("second", unchecked=True)["shapes"] == 0
    assert task.shapes == before

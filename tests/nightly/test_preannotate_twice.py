"""A second night over images with faults, through the functions that Airflow calls: none of them makes a chunk."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from psycopg2.extensions import connection

from doubles import deadly
from firstpass import storage
from firstpass.inference.chunk_inference import infer
from firstpass.nightly import preannotate
from firstpass.nightly.run_request import RunRequest
from firstpass.settings import settings
from firstpass.warehouse.runs import finish_run
from fixtures.made_up_runs import query


def png(colour: str, size: tuple[int, int] = (40, 30)) -> bytes:
    buffer = BytesIO()
    Image.effect_noise(size, 50).convert("RGB").save(buffer, "PNG") if colour == "noise" else Image.new(
        "RGB", size, colour
    ).save(buffer, "PNG")
    return buffer.getvalue()


FILES = {"good.png": png("red"), "text.jpg": b"only some text", "cut.png": png("noise")[:1500]}
"""The second is refused by its header, the third, whose header is good, by decoding it."""


@pytest.fixture
def night(
    stored: Any, warehouse: connection, warehouse_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., tuple[int, dict[str, tuple[str, str | None]]]]]:
    """`night("first", images)`: how many chunks there were, and name → outcome and reason."""
    monkeypatch.setenv("FIRSTPASS_WAREHOUSE_DSN", warehouse_dsn)
    settings.cache_clear()
    stored()

    def over(run_id: str, images: object, run: Callable[[str], Any] = infer, **asked: Any) -> Any:
        uri = preannotate.resolve_model(RunRequest(run_id, str(images), "pets", **asked))
        preannotate.catalogue_images(uri)
        chunks = preannotate.plan_chunks(uri)
        for chunk in chunks:
            run(chunk)
        counts = preannotate.merge(uri, chunks)
        finish_run(warehouse, run_id, "partial" if counts["failed"] else "success")
        rows = query(warehouse, "SELECT uri, outcome, reason FROM run_images WHERE run_id = %s", run_id)
        return len(chunks), {name.rpartition("/")[2]: told for name, *told in rows}

    yield over
    settings.cache_clear()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    for name, data in FILES.items():
        (tmp_path / "photos" / name).write_bytes(data)
    return tmp_path / "photos"


def outcomes(rows: dict[str, tuple[str, str | None]]) -> dict[str, str]:
    return {name: outcome for name, (outcome, _) in rows.items()}


@pytest.mark.usefixtures("network")
@pytest.mark.parametrize("name", ["text.jpg", "cut.png"])
def test_a_file_that_cannot_be_used_makes_no_chunk_in_the_second_night(night: Any, folder: Path, name: str) -> None:
    for each in FILES.keys() - {name}:
        (folder / each).unlink()
    chunks, first = night("first", folder)
    assert (chunks, outcomes(first)) == (int(name == "cut.png"), {name: "unreadable"})
    assert first[name][1]
    assert night("second", folder) == (0, first)
    assert night("third", folder) == (0, first), "what is remembered stays so"


@pytest.mark.usefixtures("network")
def test_objects_that_cannot_be_used_are_remembered_too(night: Any, bucket: str) -> None:
    for name, data in FILES.items():
        storage.write(f"{bucket}/photos/{name}", data)
    chunks, first = night("first", f"{bucket}/photos")
    assert (chunks, outcomes(first)) == (
        1,
        {"good.png": "ok", "text.jpg": "unreadable", "cut.png": "unreadable"},
    )
    chunks, second = night("second", f"{bucket}/photos")
    assert chunks == 0
    assert second == first | {"good.png": ["known", None]}


@pytest.mark.usefixtures("network")
def test_it_is_tried_again_when_asked_to_and_when_a_limit_grew(
    night: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, first = night("first", folder)
    chunks, again = night("again", folder, reprocess=True)
    assert (chunks, again) == (1, first)
    assert night("known", folder)[0] == 0, "and remembered again"
    monkeypatch.setenv("FIRSTPASS_MAX_IMAGE_BYTES", str(settings().max_image_bytes + 1))
    settings.cache_clear()
    assert night("more", folder)[0] == 1
    assert night("no more", folder)[0] == 0


@pytest.mark.usefixtures("network")
def test_other_bytes_under_the_same_name_are_looked_at(night: Any, folder: Path) -> None:
    night("first", folder)
    (folder / "text.jpg").write_bytes(png("blue"))
    chunks, rows = night("second", folder)
    assert (chunks, rows["text.jpg"][0] in {"ok", "empty"}) == (1, True)
    assert rows["cut.png"][0] == "unreadable"


TESTS = Path(__file__).resolve().parents[1]


def infer_for_real(chunk_uri: str) -> None:
    """`firstpass infer`, with a detector that some pictures kill."""
    code = f"""
import sys
sys.path.insert(0, {str(TESTS)!r})
from doubles.deadly import Deadly
from doubles.painted import install
install(Deadly())
sys.argv = ["firstpass", "infer", {chunk_uri!r}]
from firstpass.cli import main
main()
"""
    ended = subprocess.run([sys.executable, "-c", code], env=os.environ, capture_output=True, text=True, timeout=100)
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.timeout(120)
@pytest.mark.parametrize("place", ["folder", "storage"])
def test_what_killed_the_process_does_not_meet_the_next_night(
    night: Any, tmp_path: Path, bucket: str, s3_endpoint: str, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setenv("FIRSTPASS_S3_ENDPOINT", s3_endpoint)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "us-east-1" if name.endswith("REGION") else "test")
    monkeypatch.setenv("FIRSTPASS_MEMORY", "600Mi")
    settings.cache_clear()
    images = f"{bucket}/photos" if place == "storage" else str(tmp_path / "photos")
    for number in range(6):
        data = png("red", (13, deadly.SIGKILL)) if number == 3 else png("red", (8, number + 6))
        storage.write(f"{images}/{number}.png", data)

    chunks, first = night("first", images, infer_for_real)
    assert chunks == 1
    assert sorted(outcomes(first).values()) == ["failed", *["ok"] * 5]
    assert "killed the process when it ran alone, twice: SIGKILL at" in first["3.png"][1]

    chunks, second = night("second", images, infer_for_real)
    assert chunks == 0
    outcome, reason = second["3.png"]
    assert (outcome, reason.startswith(first["3.png"][1] + ", in the run first. ")) == ("unreadable", True)
    assert "limit 600 MiB" in reason
    assert "FIRSTPASS_MEMORY" in reason
    assert set(outcomes(second).values()) == {"unreadable", "known"}

    monkeypatch.setenv("FIRSTPASS_MEMORY", "700Mi")
    settings.cache_clear()
    chunks, more = night("more memory", images, infer_for_real)
    assert (chunks, more["3.png"][0]) == (1, "failed")
    assert night("remembered again", images, infer_for_real)[0] == 0

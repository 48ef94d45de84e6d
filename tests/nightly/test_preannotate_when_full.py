"""A night whose storage, and whose warehouse, is full at each of its writes in turn: every task waits and goes on."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from psycopg2.extensions import connection

from firstpass import waiting
from firstpass.contracts.chunk_manifest import Chunk
from firstpass.contracts.run_error import RunError
from firstpass.contracts.run_spec import RunSpec, run_folder
from firstpass.errors import WaitedInVain
from firstpass.nightly import preannotate
from firstpass.nightly.run_request import RunRequest
from firstpass.settings import settings
from firstpass.waiting import patiently
from firstpass.warehouse.run_summary import run_summary
from fixtures.made_up_runs import Night, row

STAGES = ["resolve_model", "admit_model", "catalogue_images", "plan_chunks", "merge", "check", "report"]


@pytest.fixture
def request_of(stored: Any, warehouse_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunRequest:
    """A night over three photographs."""
    monkeypatch.setenv("FIRSTPASS_WAREHOUSE_DSN", warehouse_dsn)
    monkeypatch.setattr(waiting, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(waiting, "LONGEST_PAUSE", 0.001)
    settings.cache_clear()
    stored()
    (tmp_path / "photos").mkdir()
    for shade in range(3):
        Image.new("RGB", (64, 48), (shade, 0, 0)).save(tmp_path / "photos" / f"{shade}.png")
    return RunRequest("a run", str(tmp_path / "photos"), "pets")


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """The disk has no room for a file when it is first written; gives how often each was refused."""
    fsync, refused = os.fsync, {}

    def sync(descriptor: int) -> None:
        name = Path(f"/proc/self/fd/{descriptor}").readlink().name.strip(".").rpartition(".")[0]
        if name not in refused:
            refused[name] = 1
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", sync)
    return refused


def infer(chunk_uri: str) -> None:
    """A chunk's result as inference leaves it."""
    chunk = Chunk.load(chunk_uri)
    rows = [row(ref.uri, detections=2, etag=ref.etag, size=ref.size, sha256=ref.sha256) for ref in chunk.images]
    Night(RunSpec.load(chunk_uri.rsplit("/chunks/", 1)[0])).write(chunk, rows)


def night(request: RunRequest) -> str:
    """Every task as its DAG calls it. Returns the run's URI."""
    uri = patiently(preannotate.resolve_model, request)
    patiently(preannotate.admit_model, uri)
    assert patiently(preannotate.catalogue_images, uri) == {"images": 3, "new": 3}
    planned = patiently(preannotate.plan_chunks, uri)
    for chunk in planned:
        patiently(infer, chunk)
    assert patiently(preannotate.merge, uri, planned)["images"] == 3
    assert patiently(preannotate.check, uri) in {"passed", "warnings"}
    patiently(preannotate.report, uri)
    return uri


def require_whole(warehouse: connection, uri: str) -> None:
    summary = run_summary(warehouse, "a run")
    assert (summary["state"], summary["outcomes"]) == ("success", {"ok": 3})
    assert summary["seconds_per_stage"].keys() >= set(STAGES)
    assert RunError.load("a run") is None
    assert [path.name for path in Path(uri).rglob(".*")] == [], "what could not be written leaves nothing behind"


def test_storage_that_is_full_at_each_file_in_turn(request_of: RunRequest, warehouse: connection, full, caplog) -> None:
    uri = night(request_of)
    require_whole(warehouse, uri)
    files = {path.name for path in Path(uri).rglob("*") if path.is_file()}
    assert files == full.keys()
    assert {"run.json", "catalogue.parquet", "00000.json", "00000.parquet", "index.html", "report.html"} <= files
    assert caplog.text.count("the disk is full") == len(full)


@pytest.fixture
def full_tables(warehouse: connection) -> Iterator[list[str]]:
    """The tables, each of which has no room when it is first written; the database is other tests' too.

    The error is PostgreSQL's own. A sequence remembers what a transaction that was rolled back cannot.
    """
    with warehouse, warehouse.cursor() as cur:
        cur.execute(
            "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " IF nextval('full_' || TG_TABLE_NAME) = 1 THEN RAISE EXCEPTION"
            " 'could not extend file of %: No space left on device', TG_TABLE_NAME USING ERRCODE = 'disk_full'; END IF;"
            " RETURN NULL; END $$"
        )
        cur.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'migrations'")
        tables = [name for (name,) in cur.fetchall()]
        for name in tables:
            cur.execute(f'CREATE SEQUENCE "full_{name}"')
            cur.execute(f'CREATE TRIGGER t AFTER INSERT OR UPDATE ON "{name}" EXECUTE FUNCTION no_room()')
    yield tables
    with warehouse, warehouse.cursor() as cur:
        cur.execute("DROP FUNCTION no_room() CASCADE")
        for name in tables:
            cur.execute(f'DROP SEQUENCE "full_{name}"')


def test_a_warehouse_whose_disk_is_full_at_each_table_in_turn(
    request_of: RunRequest, warehouse: connection, full_tables: list[str], caplog
) -> None:
    uri = night(request_of)
    require_whole(warehouse, uri)
    waited_for = {name for name in full_tables if f"could not extend file of {name}: No space left" in caplog.text}
    assert {"runs", "models", "chunks", "outcomes", "images", "predictions", "quality_verdicts"} <= waited_for


@pytest.mark.parametrize("stage", ["resolve_model", "check", "report"])
def test_a_disk_that_stays_full_fails_its_task_with_a_sentence(
    request_of: RunRequest, warehouse: connection, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    """Not even error.json can be written; the run is told as failed all the same."""
    calls: dict[str, Callable[[], Any]] = {
        "resolve_model": lambda: preannotate.resolve_model(request_of),
        "check": lambda: preannotate.check(run_folder("a run")),
        "report": lambda: preannotate.report(run_folder("a run")),
    }
    night(request_of)
    monkeypatch.setenv("FIRSTPASS_WAIT_MINUTES", "0.001")
    settings.cache_clear()
    before = {path: path.read_bytes() for path in Path(run_folder("a run")).rglob("*") if path.is_file()}

    def sync(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", sync)
        with pytest.raises(WaitedInVain, match=r"cannot write .*: the disk is full .* \(waited for"):
            patiently(calls[stage])
    assert {path: path.read_bytes() for path in Path(run_folder("a run")).rglob("*") if path.is_file()} == before
    assert run_summary(warehouse, "a run")["state"] == "failed"
    patiently(calls[stage])  # there is room again, and the task is cleared
    assert RunError.load("a run") is None

"""A chunk that never finished is merged as far as it came."""

from __future__ import annotations

import json
from dataclasses import asdict

import pyarrow as pa
import pytest

from firstpass import storage
from firstpass.contracts.chunk_result import RESULT
from firstpass.inference.attempts import MOST_KILLERS, Attempt
from firstpass.inference.death import Death
from firstpass.inference.flight_board import FlightBoard
from firstpass.inference.result_rows import to_bytes
from firstpass.warehouse.merge import fail_chunk, merge_chunk
from firstpass.warehouse.run_summary import run_summary
from fixtures.made_up_runs import dump, query, row

REASON = "it did not finish"
ROWS = [row(f"file:///{n}", detections=n + 1) for n in range(6)]


@pytest.fixture
def run(night):
    return night()


@pytest.fixture
def chunk(run):
    return run.chunk(0, ROWS, write=False)


def part(chunk, first: int, end: int, rows=ROWS) -> None:
    name = f"{chunk.parts_uri}/{chunk.checksum}-{first:08d}-{end:08d}.parquet"
    storage.write(name, to_bytes(pa.Table.from_pylist(rows[first:end], RESULT)))


def note(chunk, **fields) -> None:
    body = {"chunk": chunk.checksum, **asdict(Attempt(4, 8, **fields))}
    storage.write(f"{chunk.parts_uri}/attempt.json", json.dumps(body).encode())


def outcomes(warehouse) -> dict[str, tuple]:
    return {uri: rest for uri, *rest in query(warehouse, "SELECT uri, outcome, reason FROM run_images ORDER BY uri")}


def test_what_it_finished_is_merged_and_only_the_rest_has_failed(warehouse, run, chunk):
    part(chunk, 1, 3)
    part(chunk, 4, 5)
    assert fail_chunk(warehouse, run.spec, chunk, REASON) == {
        "images": 6, "detections": 10, "drafts": 10, "ok": 3, "failed": 3
    }  # fmt: skip
    assert outcomes(warehouse) == {
        f"file:///{n}": ["ok", None] if n in (1, 2, 4) else ["failed", REASON] for n in range(6)
    }
    assert query(warehouse, "SELECT state, images, reason FROM chunks") == [("partial", 6, REASON)]
    assert query(warehouse, "SELECT count(*) FROM predictions") == [(3,)]
    assert query(warehouse, "SELECT uri FROM images ORDER BY uri") == [(f"file:///{n}",) for n in (1, 2, 4)]
    assert run_summary(warehouse, "a run")["failed"] == 3


def test_merged_again_it_leaves_the_same_rows_and_finished_after_all_it_is_merged(warehouse, run, chunk):
    part(chunk, 1, 3)
    fail_chunk(warehouse, run.spec, chunk, REASON)
    first = dump(warehouse)
    fail_chunk(warehouse, run.spec, chunk, REASON)
    assert dump(warehouse) == first
    run.write(chunk, ROWS)
    merge_chunk(warehouse, run.spec, chunk)
    assert query(warehouse, "SELECT state, reason FROM chunks") == [("merged", None)]
    assert {outcome for outcome, _ in outcomes(warehouse).values()} == {"ok"}


def test_parts_of_another_plan_or_about_other_images_do_not_count(warehouse, run, chunk):
    part(chunk, 1, 3, ROWS[1:])
    storage.write(f"{chunk.parts_uri}/{'0' * 16}-00000000-00000002.parquet", b"")
    fail_chunk(warehouse, run.spec, chunk, REASON)
    assert query(warehouse, "SELECT state, detections, marker FROM chunks") == [("failed", None, None)]


def test_what_killed_the_process_has_a_reason_of_its_own_and_is_remembered(warehouse, run, chunk):
    part(chunk, 0, 2)
    sure, once = row("file:///2")["sha256"], row("file:///3")["sha256"]
    note(chunk, deaths={2: [Death(11, sha256=sure)] * 2, 3: [Death(11, sha256=once)]})
    fail_chunk(warehouse, run.spec, chunk, REASON)
    said = outcomes(warehouse)
    assert said["file:///2"] == ["failed", "killed the process when it ran alone, twice: SIGSEGV"]
    assert said["file:///3"] == ["failed", "killed the process when it ran alone: SIGSEGV"]
    assert said["file:///4"] == ["failed", REASON]
    assert query(warehouse, "SELECT sha256, deaths FROM image_faults ORDER BY deaths") == [(once, 1), (sure, 2)]


def test_what_ran_alone_when_the_last_try_died_is_one_of_them(warehouse, run, chunk):
    note(chunk)
    board = FlightBoard(chunk)
    board.alone(3)
    board.hashed(chunk.images[3], "3" * 64)
    board.close()
    fail_chunk(warehouse, run.spec, chunk, REASON)
    assert outcomes(warehouse)["file:///3"][1].startswith("killed the process when it ran alone: everything around it")
    assert query(warehouse, "SELECT sha256, deaths FROM image_faults") == [("3" * 64, 1)]


def test_killers_of_a_chunk_that_was_given_up_are_not_remembered(warehouse, run):
    rows = [row(f"file:///{n}") for n in range(MOST_KILLERS + 1)]
    chunk = run.chunk(0, rows, write=False)
    note(chunk, deaths={n: [Death(11, sha256=each["sha256"])] * 2 for n, each in enumerate(rows)})
    fail_chunk(warehouse, run.spec, chunk, REASON)
    assert query(warehouse, "SELECT FROM image_faults") == []

"""`infer`: one chunk in, one Parquet file out. It is what a pod runs."""

from __future__ import annotations

import json
import logging
import os
import platform
import time
from collections import Counter
from datetime import UTC, datetime
from hashlib import sha256
from threading import Event
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from firstpass import storage
from firstpass.contracts.chunk_manifest import Chunk
from firstpass.contracts.outcome import Outcome
from firstpass.errors import FirstpassError
from firstpass.images.fetching import DENIED
from firstpass.images.limits import limits
from firstpass.inference import process
from firstpass.inference.attempts import Attempts, attempt, killer_reason
from firstpass.inference.checkpoints import Checkpoints
from firstpass.inference.death import Supervision
from firstpass.inference.gpus import gpus_asked
from firstpass.inference.memory_limit import memory_limit
from firstpass.inference.passes import Passes, Stopped
from firstpass.inference.result_rows import ResultRow, to_bytes
from firstpass.waiting import waited

log = logging.getLogger("firstpass")

__all__ = ["Stopped", "done_marker", "infer"]


def infer(chunk_uri: str, stop: Event | None = None, supervision: Supervision | None = None) -> dict[str, Any]:
    """Run a chunk, or the rest of one; returns its done-marker.

    Writes the Parquet file to the manifest's output_uri (contracts.chunk_result.RESULT: one row per image, in the
    manifest's order; equal chunks give equal bytes), then the done-marker beside it: {"chunk": the manifest's checksum,
    "rows", "detections", "outcomes": {outcome: rows}, "pixels": mean of the images read, "sha256": of the Parquet file,
    "seconds": of work, waiting left out, "load_seconds", "fetch_seconds", "decode_seconds" in CPU time and
    "infer_seconds": added up over threads, "images_per_second": of this process, loading left out, null when it
    inferred nothing or had to wait, "resumed": images that an earlier process had finished, "attempt": its number from
    1, "batch_size", "ended_at", "host", "device", "gpus_asked": how many GPUs it had to find, "waited_seconds": for
    storage and the like, "killers": a list of {"sha256", "deaths"}, "limits": see `images.limits`}. A chunk that is
    done is left alone.

    When `stop` is set, the current batch is finished and checkpointed and Stopped is raised. No image stops a chunk:
    what is missing, unreadable or refused by the network gets a row that says so, and so does what killed the process
    when it ran alone (outcome `failed`). Raises FirstpassError for a manifest or a model that does not
    fit its checksum, for object storage that denies every image, for storage that may not be written, and for a GPU
    that was asked for and cannot be used; Unavailable for storage that is away or full, which the process waits for if
    it said so (`waiting.wait_in_place`).
    """
    started = time.monotonic()
    chunk = Chunk.load(chunk_uri)
    marker = done_marker(chunk)
    if marker is not None:
        log.info("chunk %d is done already", chunk.index)
        return marker
    checkpoints = Checkpoints(chunk)
    with attempt(chunk, checkpoints, supervision) as attempts:
        figures = _infer_rest(chunk, checkpoints, attempts, stop or Event())
        table = checkpoints.table()
        _check_access(chunk, table, checkpoints)
        data = to_bytes(table)
        storage.write(chunk.output_uri, data)
        marker = {
            "chunk": chunk.checksum,
            "sha256": sha256(data).hexdigest(),
            **_summary(table),
            "seconds": round(time.monotonic() - started - waited(), 3),
            **figures,
            "attempt": attempts.now.number,
            "killers": _killers(attempts),
            "limits": limits(memory_limit()),
            "ended_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "host": os.environ.get("NODE_NAME") or platform.node(),  # a pod's own name would say nothing
            "device": process.device(),
            "gpus_asked": gpus_asked(),
            "waited_seconds": round(waited(), 3),
        }
        storage.write(chunk.done_uri, json.dumps(marker, indent=1).encode())
    checkpoints.clear()
    return marker


def done_marker(chunk: Chunk) -> dict[str, Any] | None:
    """The chunk's done-marker if it fits both the chunk as planned and the result as stored, else None."""
    try:
        marker: dict[str, Any] = json.loads(storage.read(chunk.done_uri))
        result = sha256(storage.read(chunk.output_uri)).hexdigest()
        return marker if (marker["chunk"], marker["sha256"]) == (chunk.checksum, result) else None
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def _infer_rest(chunk: Chunk, checkpoints: Checkpoints, attempts: Attempts, stop: Event) -> dict[str, float | None]:
    """Infer what the checkpoints do not have. Returns where the time went."""
    total, first = len(chunk.images), checkpoints.count
    if first:
        log.info("chunk %d continues: %d of %d images are done", chunk.index, first, total)
    passes = Passes(chunk, checkpoints, attempts, stop)
    passes.run()
    for position, died in attempts.now.killers().items():
        if position not in checkpoints:
            row = ResultRow(chunk.images[position], Outcome.FAILED, killer_reason(died), died[-1].sha256)
            checkpoints.add([position], [row])
    if checkpoints.count < total:
        checkpoints.save()
        raise Stopped(f"stopped after {checkpoints.count} of {total} images; they are kept")
    return {**passes.figures(), "resumed": first, "batch_size": attempts.now.batch_size}


def _killers(attempts: Attempts) -> list[dict[str, Any]]:
    """Those whose bytes are known, which is what they are remembered by."""
    killers = attempts.now.killers().values()
    return [{"sha256": died[-1].sha256, "deaths": len(died)} for died in killers if died[-1].sha256]


def _check_access(chunk: Chunk, table: pa.Table, checkpoints: Checkpoints) -> None:
    """Credentials that read nothing at all are a mistake to fix, not a night of missing images."""
    if set(table["reason"].to_pylist()) == {DENIED} and storage.is_s3(chunk.images[0].uri):
        checkpoints.clear()
        raise FirstpassError(
            f"access denied to each of the {len(table)} images of chunk {chunk.index}, {chunk.images[0].uri} first",
            "allow s3:GetObject on them to the credentials that inference runs with, then clear the chunk's task",
        )


def _summary(table: pa.Table) -> dict[str, Any]:
    return {
        "rows": len(table),
        "detections": pc.sum(pc.list_value_length(table["scores"])).as_py(),
        "outcomes": dict(sorted(Counter(table["outcome"].to_pylist()).items())),
        "pixels": pc.mean(pc.multiply(table["width"].cast(pa.int64()), table["height"])).as_py(),
    }

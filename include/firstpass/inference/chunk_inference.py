"""`infer`: one chunk in, one Parquet file out. It is what a pod runs."""

from __future__ import annotations

import json
import logging
import os
import platform
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from threading import Event
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from firstpass import storage
from firstpass.contracts.chunk_manifest import Chunk
from firstpass.contracts.image_reference import ImageRef
from firstpass.errors import FirstpassError
from firstpass.images.fetching import DENIED, expect
from firstpass.inference import process
from firstpass.inference.attempts import attempt
from firstpass.inference.batching import BatchRunner, batches
from firstpass.inference.checkpoints import Checkpoints
from firstpass.inference.gpus import gpus_asked, require_gpus, usable
from firstpass.inference.image_reader import ImageReader, PreparedImage
from firstpass.inference.progress import Progress
from firstpass.inference.result_rows import ResultRow, to_bytes
from firstpass.models.kinds import kind_of
from firstpass.models.load_detector import load_detector
from firstpass.waiting import through, waited

log = logging.getLogger("firstpass")

_AHEAD = 256  # images in flight: more than a core decodes while TensorFlow is imported


class Stopped(Exception):
    """The chunk was asked to stop. What is finished is kept; the same command continues from there."""


def infer(chunk_uri: str, stop: Event | None = None) -> dict[str, Any]:
    """Run a chunk, or the rest of one; returns its done-marker.

    Writes the Parquet file to the manifest's output_uri (contracts.chunk_result.RESULT: one row per image, in the
    manifest's order; equal chunks give equal bytes), then the done-marker beside it: {"chunk": the manifest's checksum,
    "rows", "detections", "outcomes": {outcome: rows}, "pixels": mean of the images read, "sha256": of the Parquet file,
    "seconds": of work, waiting left out, "load_seconds", "fetch_seconds", "decode_seconds" in CPU time and
    "infer_seconds": added up over threads, "images_per_second": of this attempt, loading left out, null when it
    inferred nothing or had to wait, "resumed": images that an earlier attempt had finished, "attempt": its number from
    1, "batch_size", "ended_at", "host", "device", "gpus_asked": how many GPUs it had to find, "waited_seconds": for
    storage and the like}. A chunk that is done is left alone.

    When `stop` is set, the current batch is finished and checkpointed and Stopped is raised. No image stops a chunk:
    what is missing, unreadable or refused by the network gets a row that says so. Raises FirstpassError for a manifest
    or a model that does not fit its checksum, for object storage that denies every image, for storage that may not be
    written, and for a GPU that was asked for and cannot be used; Unavailable for storage that is away or full, which
    the process waits for if it said so (`waiting.wait_in_place`).
    """
    started = time.monotonic()
    chunk = Chunk.load(chunk_uri)
    marker = done_marker(chunk)
    if marker is not None:
        log.info("chunk %d is done already", chunk.index)
        return marker
    checkpoints = Checkpoints(chunk)
    with attempt(chunk) as now:
        figures = _infer_rest(chunk, checkpoints, now.batch_size, stop or Event())
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
            "attempt": now.number,
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


def _infer_rest(chunk: Chunk, checkpoints: Checkpoints, batch_size: int, stop: Event) -> dict[str, float | None]:
    """Infer what the checkpoints do not have. Returns where the time went."""
    total, first = len(chunk.images), through(checkpoints.resume)
    if first:
        log.info("chunk %d continues at image %d of %d", chunk.index, first, total)
    times = ("load_seconds", "fetch_seconds", "decode_seconds", "infer_seconds")
    figures: dict[str, float | None] = {**dict.fromkeys(times, 0.0), "images_per_second": None}
    if first < total:
        figures = _infer(chunk, chunk.images[first:], checkpoints, batch_size, stop)
    return {**figures, "resumed": first, "batch_size": batch_size}


def _infer(
    chunk: Chunk, images: Sequence[ImageRef], checkpoints: Checkpoints, batch_size: int, stop: Event
) -> dict[str, float | None]:
    started, waited_before = time.monotonic(), waited()
    process.settle()
    expect(images)
    threads = process.decoding_threads()
    with ImageReader(images, threads, ahead=max(_AHEAD, 4 * batch_size)) as pipeline:
        network = pipeline.load(partial(through, _load, chunk, batch_size))
        loaded = time.monotonic()
        head_start = pipeline.decode_seconds / threads  # what it would have taken after loading: the rate is without it
        progress = Progress(chunk)
        for rows in network.run(_until(stop, batches(pipeline.run(network.prepare), network.share))):
            checkpoints.add(rows)
            progress.show(checkpoints.count)
    if checkpoints.count < len(chunk.images):
        checkpoints.save()
        raise Stopped(f"stopped after {checkpoints.count} of {len(chunk.images)} images; they are kept")
    rate = len(images) / (time.monotonic() - loaded + head_start)
    return {
        "load_seconds": round(loaded - started, 3),
        "fetch_seconds": round(pipeline.fetch_seconds, 3),
        "decode_seconds": round(pipeline.decode_seconds, 3),
        "infer_seconds": round(network.seconds, 3),
        "images_per_second": round(rate, 3) if waited() == waited_before else None,
    }


def _until(
    stop: Event, batches: Iterable[list[PreparedImage | ResultRow]]
) -> Iterator[list[PreparedImage | ResultRow]]:
    """One batch at the least, so that a chunk that is stopped again and again comes to its end."""
    for batch in batches:
        yield batch
        if stop.is_set():
            return


def _load(chunk: Chunk, batch_size: int) -> BatchRunner:
    version, detector = load_detector(chunk.model_uri, chunk.floor)
    revision = kind_of(version.kind).revision
    if revision != chunk.revision:
        raise FirstpassError(
            f"chunk {chunk.index} was planned for revision {chunk.revision} of {version.kind}, here is {revision}",
            "run the same release of Firstpass in Airflow and in the pods; then clear plan_chunks and what follows it",
        )
    require_gpus(gpus_asked())
    network = BatchRunner(detector, chunk.floor, batch_size)
    with usable(process.device()):
        network.warm_up()
    return network


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

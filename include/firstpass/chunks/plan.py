"""From a catalogue to chunks: pure functions of the catalogue, the run's settings and what an image costs.

A chunk lasts long enough that its start-up is a small share of it; chunks cost the same, so that the last worker ends
with the others; images of one shape go together, so that they make full batches. The same input gives the same chunks.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heapify, heapreplace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from firstpass import storage
from firstpass.chunks.manifest import Chunk, result_uri
from firstpass.chunks.run import RunSpec
from firstpass.images.catalogue import references
from firstpass.models.version import ModelVersion
from firstpass.settings import settings

# Seconds on two CPU cores, for the balance between images; see benchmarks/inference.py.
IMAGE_SECONDS, MEGAPIXEL_SECONDS, START_UP_SECONDS = 0.015, 0.005, 10.0
BATCH_SIZE = 8

AIMED_CHUNKS = 200  # what one mapped Airflow task schedules without noticeable cost


def plan(catalogue: pa.Table, spec: RunSpec, version: ModelVersion) -> list[Chunk]:
    """The chunks of every image without an outcome, the costliest first; none when nothing is left to infer."""
    del version
    new = catalogue.filter(pc.is_null(catalogue["outcome"]))
    if not len(new):
        return []
    pixels = image_pixels(new)
    costs = IMAGE_SECONDS + MEGAPIXEL_SECONDS * pixels / 1e6
    batch_size = settings().batch_size or BATCH_SIZE
    groups = split(costs, shapes(new), batch_size, chunk_count(float(costs.sum()), START_UP_SECONDS))
    return [
        Chunk(
            run_id=spec.run_id,
            index=index,
            model=spec.model,
            model_uri=spec.model_uri,
            threshold=spec.threshold,
            class_thresholds=spec.class_thresholds,
            batch_size=batch_size,
            output_uri=result_uri(spec.uri, index),
            images=tuple(references(new.take(rows))),
        )
        for index, rows in enumerate(groups)
    ]


def chunk_count(seconds: float, start_up: float) -> int:
    """How many chunks work of `seconds` makes: each 20 times its start-up or longer, and not more than AIMED_CHUNKS."""
    return max(1, min(int(seconds / (20 * start_up)), AIMED_CHUNKS))


def image_pixels(table: pa.Table) -> NDArray[np.float64]:
    """Pixels an image [n]; where the header was not read, two for each byte, as in photographs kept as JPEG."""
    known = pc.multiply(table["width"].cast(pa.float64()), table["height"].cast(pa.float64()))
    guessed = pc.multiply(table["size"].cast(pa.float64()), 2.0)
    return np.asarray(pc.coalesce(known, guessed).to_numpy(), np.float64)


def shapes(table: pa.Table) -> NDArray[np.int64]:
    """One number a shape [n]; images whose shape is not known share 0."""
    width, height = (table[name].fill_null(0).to_numpy().astype(np.int64) for name in ("width", "height"))
    return np.asarray(width << 32 | height, np.int64)


def read_chunks(run_uri: str) -> Iterator[Chunk]:
    """The run's planned chunks in order of their index, one in memory at a time. Raises as Chunk.load."""
    for entry in storage.listing(storage.join(run_uri, "chunks")):
        if entry.uri.endswith(".json"):
            yield Chunk.load(entry.uri)


def split(
    costs: NDArray[np.float64], shapes: NDArray[np.int64], batch_size: int, chunks: int
) -> list[NDArray[np.int64]]:
    """Deal images to `chunks` groups of near-equal cost. Returns the row numbers of each, the costliest group first.

    costs: seconds [n]. shapes: [n], equal numbers for images that can share a batch. Batches of one shape are dealt
    whole, the costliest first, each to the group that has the least so far; so every group gets its share of every
    shape, and stays balanced even where the costs are wrong. Within a group, images of a shape are neighbours. Groups
    that would be empty are left out.
    """
    order = np.lexsort((np.arange(len(costs)), shapes))
    starts = _batch_starts(shapes[order], batch_size)
    batches = np.split(order, starts[1:])
    sums = np.add.reduceat(costs[order], starts)
    # Equal costs fall back to the shape, so that neighbours in a chunk are of one shape.
    heap = [(0.0, group) for group in range(min(chunks, len(batches)))]
    heapify(heap)
    members: list[list[int]] = [[] for _ in heap]
    totals = [0.0] * len(heap)
    for batch in np.lexsort((np.arange(len(sums)), -sums)).tolist():
        total, group = heap[0]
        totals[group] = total + float(sums[batch])
        members[group].append(batch)
        heapreplace(heap, (totals[group], group))
    ranking = sorted(range(len(heap)), key=lambda group: (-totals[group], group))
    return [np.concatenate([batches[batch] for batch in sorted(members[group])]) for group in ranking]


def _batch_starts(shapes: NDArray[np.int64], batch_size: int) -> NDArray[np.int64]:
    """Where a new batch begins in rows sorted by shape: at each new shape and every `batch_size` rows of one."""
    rows = np.arange(len(shapes))
    first = np.concatenate(([True], shapes[1:] != shapes[:-1]))
    run_start = np.maximum.accumulate(np.where(first, rows, 0))
    return np.flatnonzero((rows - run_start) % batch_size == 0)

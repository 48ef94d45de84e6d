"""From a catalogue to chunks: pure functions of the catalogue, the run's settings and what an image costs.

A chunk lasts long enough that its start-up is a small share of it; chunks cost the same, so that the last worker ends
with the others; images of one shape go together, so that they make full batches. The same input gives the same chunks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from heapq import heapreplace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from firstpass import storage
from firstpass.chunks import cost_model, profiles
from firstpass.chunks.estimate import Estimate, assemble
from firstpass.contracts.chunk_manifest import Chunk, result_uri
from firstpass.contracts.model_version import ModelVersion
from firstpass.contracts.run_spec import RunSpec
from firstpass.images.catalogue import references
from firstpass.settings import settings

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Plan:
    """A run's chunks, made one at a time: a million images need not be a million objects at once.

    groups: row numbers in `images` of each chunk, in order. estimate: None when there is nothing to infer.
    """

    spec: RunSpec
    images: pa.Table
    groups: tuple[Rows, ...]
    batch_size: int
    estimate: Estimate | None

    def __len__(self) -> int:
        return len(self.groups)

    def __iter__(self) -> Iterator[Chunk]:
        for index, rows in enumerate(self.groups):
            yield Chunk(
                run_id=self.spec.run_id,
                index=index,
                model=self.spec.model,
                model_uri=self.spec.model_uri,
                floor=self.spec.floor,
                revision=self.spec.revision,
                batch_size=self.batch_size,
                output_uri=result_uri(self.spec.uri, index),
                images=tuple(references(self.images.take(rows))),
            )

    def save(self) -> list[str]:
        """Write the manifests and the estimate into the run's folder; returns the manifests' URIs."""
        storage.delete(storage.join(self.spec.uri, "chunks"))  # an earlier attempt may have planned more
        if self.estimate:
            self.estimate.save(self.spec.uri)
        return [chunk.save(self.spec.uri) for chunk in self]


def plan(
    catalogue: pa.Table,
    spec: RunSpec,
    version: ModelVersion,
    measured: cost_model.Measured | None = None,
    urgent: Collection[str] = (),
) -> Plan:
    """The chunks of every image without an outcome, the costliest first; none when nothing is left to infer.

    `measured` gives rates learned from earlier runs. Images whose URI is in `urgent` (their chunk failed last time)
    come first, in chunks of their own: should one of them crash its chunk again, it takes no other down with it.
    Raises FirstpassError for an unknown machine and for a model that does not fit it.
    """
    new = catalogue.filter(pc.is_null(catalogue["outcome"]))
    if not len(new):
        return Plan(spec, new, (), 1, None)
    machine, network = profiles.machine(settings().machine), profiles.network_of(version)
    workers = settings().workers
    pixels = image_pixels(new)
    batch = settings().batch_size or cost_model.batch_size(network, machine, float(pixels.mean()))
    rate = cost_model.rate(network, machine, spec.model, measured)
    seconds = cost_model.image_seconds(rate, network, pixels)
    shape, first = shapes(new), pc.is_in(new["uri"], pa.array(list(urgent), pa.string())).to_numpy()
    groups: list[Rows] = []
    for rows in (np.flatnonzero(first), np.flatnonzero(~first)):
        if len(rows):
            count = cost_model.chunk_count(float(seconds[rows].sum()), machine.start_up, workers)
            groups += [rows[group] for group in split(seconds[rows], shape[rows], batch, count)]
    total = float(seconds.sum())
    estimate = assemble(len(new), total, len(groups), batch, machine, workers, rate.source)
    return Plan(spec, new, tuple(groups), batch, estimate)


def read_chunks(run_uri: str) -> Iterator[Chunk]:
    """The run's planned chunks in order of their index, one in memory at a time. Raises as Chunk.load."""
    for entry in storage.listing(storage.join(run_uri, "chunks")):
        if entry.uri.endswith(".json"):
            yield Chunk.load(entry.uri)


def split(seconds: NDArray[np.float64], shape: NDArray[np.int64], batch_size: int, chunks: int) -> list[Rows]:
    """Deal images to `chunks` groups of near-equal cost. Returns the row numbers of each, the costliest group first.

    seconds: what each image costs [n]. shape: [n], equal numbers for images that can share a batch. Batches of one
    shape are dealt whole, the costliest first, each to the group that has the least so far; so every group gets its
    share of every shape, and stays balanced even where the costs are wrong. Within a group, images of a shape are
    neighbours. Groups that would be empty are left out.
    """
    order = np.lexsort((np.arange(len(shape)), shape))
    starts = _batch_starts(shape[order], batch_size)
    cost = np.add.reduceat(seconds[order], starts)
    owner, totals = _deal(cost, min(chunks, len(starts)))
    rank = np.empty(len(totals), np.int64)
    rank[np.lexsort((np.arange(len(totals)), -totals))] = np.arange(len(totals))
    owner_of_image = np.repeat(rank[owner], np.diff(starts, append=len(order)))
    by_group = np.argsort(owner_of_image, kind="stable")
    ends = np.cumsum(np.bincount(owner_of_image, minlength=len(totals)))
    return np.split(order[by_group], ends[:-1])


def image_pixels(table: pa.Table) -> NDArray[np.float64]:
    """Pixels per image [n]; where the header was not read, two for each byte, as in photographs kept as JPEG."""
    known = pc.multiply(table["width"].cast(pa.float64()), table["height"].cast(pa.float64()))
    guessed = pc.multiply(table["size"].cast(pa.float64()), 2.0)
    return np.asarray(pc.coalesce(known, guessed).to_numpy(), np.float64)


def shapes(table: pa.Table) -> NDArray[np.int64]:
    """One number per shape [n]; images whose shape is not known share 0."""
    width, height = (table[name].fill_null(0).to_numpy().astype(np.int64) for name in ("width", "height"))
    return np.asarray(width << 32 | height, np.int64)


def _deal(cost: NDArray[np.float64], groups: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Longest first, to the group with the least so far. Returns each batch's group and each group's total."""
    heap = [(0.0, group) for group in range(groups)]
    owner = np.empty(len(cost), np.int64)
    for batch in np.lexsort((np.arange(len(cost)), -cost)).tolist():
        total, group = heap[0]
        owner[batch] = group
        heapreplace(heap, (total + float(cost[batch]), group))
    totals = np.zeros(groups)
    for total, group in heap:
        totals[group] = total
    return owner, totals


def _batch_starts(shape: NDArray[np.int64], batch_size: int) -> NDArray[np.int64]:
    """Where a new batch begins in rows sorted by shape: at each new shape and every `batch_size` rows of one."""
    rows = np.arange(len(shape))
    first = np.concatenate(([True], shape[1:] != shape[:-1]))
    run_start = np.maximum.accumulate(np.where(first, rows, 0))
    return np.flatnonzero((rows - run_start) % batch_size == 0)

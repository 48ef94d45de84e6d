"""From a catalogue to chunks: pure functions of the catalogue, the run's settings and what an image costs.

A chunk lasts long enough that its start-up is a small share of it; chunks cost the same, so that the last worker ends
with the others; images of one shape go together, so that they make full batches. The same input gives the same chunks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from firstpass import storage
from firstpass.chunks import cost_model, profiles
from firstpass.chunks.dealing import Rows, split
from firstpass.chunks.estimate import Estimate, assemble
from firstpass.chunks.sorting import rows_of_groups
from firstpass.contracts.chunk_manifest import Chunk, result_uri
from firstpass.contracts.model_version import ModelVersion
from firstpass.contracts.run_spec import RunSpec
from firstpass.images.catalogue_file import SavedCatalogue, references
from firstpass.settings import settings


@dataclass(frozen=True, slots=True)
class Plan:
    """A run's chunks, made one at a time: ten million images are never in memory at once.

    groups: row numbers in `images` of each chunk, in order. images: the catalogue, which must be open while chunks are
    made. estimate: None when there is nothing to infer.
    """

    spec: RunSpec
    images: SavedCatalogue
    groups: tuple[Rows, ...]
    batch_size: int
    estimate: Estimate | None

    def __len__(self) -> int:
        return len(self.groups)

    def __iter__(self) -> Iterator[Chunk]:
        for index, rows in enumerate(rows_of_groups(self.images.parts(), self.groups)):
            yield Chunk(
                run_id=self.spec.run_id,
                index=index,
                model=self.spec.model,
                model_uri=self.spec.model_uri,
                floor=self.spec.floor,
                revision=self.spec.revision,
                batch_size=self.batch_size,
                output_uri=result_uri(self.spec.uri, index),
                images=tuple(references(rows)),
            )

    def save(self) -> list[str]:
        """Write the manifests and the estimate into the run's folder; returns the manifests' URIs."""
        storage.delete(storage.join(self.spec.uri, "chunks"))  # an earlier attempt may have planned more
        if self.estimate:
            self.estimate.save(self.spec.uri)
        return [chunk.save(self.spec.uri) for chunk in self]


def plan(
    images: SavedCatalogue,
    spec: RunSpec,
    version: ModelVersion,
    measured: cost_model.Measured | None = None,
    urgent: Collection[str] = (),
) -> Plan:
    """The chunks of every image that is left to infer, the costliest first; none when nothing is.

    `measured` gives rates learned from earlier runs. Images whose URI is in `urgent` (their chunk failed last time)
    come first, in chunks of their own: should one of them crash its chunk again, it takes no other down with it. Needs
    some 50 bytes of memory for each image. Raises FirstpassError for an unknown machine and for a model that does not
    fit it.
    """
    pixels, shape, first = _looked_at(images, urgent)
    if not len(pixels):
        return Plan(spec, images, (), 1, None)
    machine, network = profiles.machine(settings().machine), profiles.network_of(version)
    workers = settings().workers
    batch = settings().batch_size or cost_model.batch_size(network, machine, float(pixels.mean()))
    rate = cost_model.rate(network, machine, spec.model, measured)
    seconds = cost_model.image_seconds(rate, network, pixels)
    del pixels  # as long as the listing
    groups: list[Rows] = []
    for chosen in (first, ~first):
        rows = np.flatnonzero(chosen).astype(np.int32)
        if len(rows):
            cost, of_shape = (seconds, shape) if len(rows) == len(seconds) else (seconds[rows], shape[rows])
            count = cost_model.chunk_count(float(cost.sum()), machine.start_up, workers)
            groups += [rows[group] for group in split(cost, of_shape, batch, count)]
    estimate = assemble(len(seconds), float(seconds.sum()), len(groups), batch, machine, workers, rate.source)
    return Plan(spec, images, tuple(groups), batch, estimate)


def read_chunks(run_uri: str) -> Iterator[Chunk]:
    """The run's planned chunks in order of their index, one in memory at a time. Raises as Chunk.load."""
    for entry in storage.listing(storage.join(run_uri, "chunks")):
        if entry.uri.endswith(".json"):
            yield Chunk.load(entry.uri)


def image_pixels(table: pa.Table) -> NDArray[np.float64]:
    """Pixels per image [n]; where the header was not read, two for each byte, as in photographs kept as JPEG."""
    known = pc.multiply(table["width"].cast(pa.float64()), table["height"].cast(pa.float64()))
    guessed = pc.multiply(table["size"].cast(pa.float64()), 2.0)
    return np.asarray(pc.coalesce(known, guessed).to_numpy(), np.float64)


def shapes(table: pa.Table) -> NDArray[np.int64]:
    """One number per shape [n]; images whose shape is not known share 0."""
    width, height = (table[name].fill_null(0).to_numpy().astype(np.int64) for name in ("width", "height"))
    return np.asarray(width << 32 | height, np.int64)


def _looked_at(
    images: SavedCatalogue, urgent: Collection[str]
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.bool_]]:
    """Of every image: its pixels, its shape, and whether it is urgent; each [n]."""
    pixels, shape = np.empty(images.most), np.empty(images.most, np.int64)
    first = np.zeros(images.most, bool)
    count = 0
    for part in images.parts(["uri", "size", "width", "height"] if urgent else ["size", "width", "height"]):
        at = slice(count, count + len(part))
        pixels[at], shape[at] = image_pixels(part), shapes(part)
        if urgent:
            first[at] = [uri in urgent for uri in part["uri"].to_pylist()]
        count += len(part)
    return pixels[:count], shape[:count], first[:count]

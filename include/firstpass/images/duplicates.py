"""The same content under several names, found among millions of images with 16 bytes of memory for each."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from types import TracebackType
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from firstpass.contracts.outcome import Outcome

_DIGEST = 16  # bytes: two contents with the same digest do not occur
_COMPRESSED = pa.ipc.IpcWriteOptions(compression="zstd")


class DuplicateSearch:
    """Takes images batch by batch, and gives them back in the same order, the copies apart from their originals.

    schema: of the batches, with the columns of an ImageRef, `outcome` and `reason`. In between they lie in a temporary
    file; memory holds a digest for each image and the URIs of those that have copies. A context manager: the file is
    gone at its end.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self._file = tempfile.TemporaryFile(prefix="firstpass-catalogue-")  # noqa: SIM115 - closed by __exit__
        self._writer = pa.ipc.new_stream(self._file, schema, options=_COMPRESSED)
        self._digests = bytearray()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, images: pa.RecordBatch) -> None:
        """More images, none of which has an outcome."""
        if len(images):
            self._digests += b"".join(blake2b(key.encode(), digest_size=_DIGEST).digest() for key in _keys(images))
            self._writer.write_batch(images)

    def found(self) -> Iterator[tuple[pa.RecordBatch, pa.RecordBatch]]:
        """For each batch that was added: the images to infer, and the copies of images that came before them.

        These have the outcome `duplicate`, with the original's URI in their reason. Can be asked once.
        """
        self._writer.close()
        self._file.seek(0)
        copies, originals = same_as_before(np.frombuffer(self._digests, np.uint64).reshape(-1, 2))
        self._digests = bytearray()
        wanted = np.unique(originals)
        uris = _Uris()
        start = 0
        for batch in pa.ipc.open_stream(self._file):
            end = start + len(batch)
            first, last = np.searchsorted(wanted, [start, end])
            uris.add(batch["uri"].take(pa.array(wanted[first:last] - start)))
            first, last = np.searchsorted(copies, [start, end])
            names = uris.at(np.searchsorted(wanted, originals[first:last]))
            is_copy = np.zeros(len(batch), bool)
            is_copy[copies[first:last] - start] = True
            mask = pa.array(is_copy)
            yield batch.filter(pc.invert(mask)), _marked(batch.filter(mask), names)
            start = end


class _Uris:
    """URIs by their number, as compact as Arrow holds them."""

    def __init__(self) -> None:
        self._arrays: list[pa.Array] = []
        self._starts = [0]

    def add(self, uris: pa.Array) -> None:
        if len(uris):
            self._arrays.append(uris)
            self._starts.append(self._starts[-1] + len(uris))

    def at(self, numbers: NDArray[np.int64]) -> list[str]:
        arrays = np.searchsorted(self._starts, numbers, side="right") - 1
        pairs = zip(arrays.tolist(), numbers.tolist(), strict=True)
        return [self._arrays[array][number - self._starts[array]].as_py() for array, number in pairs]


def same_as_before(digests: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Digests [n, 2] → the rows, ascending, that an earlier row is equal to, and of each the first such row."""
    high, low = digests[:, 0], digests[:, 1]
    order = np.lexsort((low, high))  # stable: equal ones stay in order
    repeated = np.zeros(len(order), bool)
    if len(order):
        repeated[1:] = True
    for word in (high, low):
        ordered = word[order]
        repeated[1:] &= ordered[1:] == ordered[:-1]
        del ordered  # one at a time: each is as long as the listing
    starts = np.flatnonzero(~repeated)
    places = np.flatnonzero(repeated)
    rows, firsts = order[places], order[starts[np.searchsorted(starts, places) - 1]]
    ascending = np.argsort(rows)
    return rows[ascending], firsts[ascending]


def _keys(images: pa.RecordBatch) -> Iterable[str]:
    """What says that two images have one content: their hash, or in object storage what the listing says of it."""
    by_etag = pc.binary_join_element_wise(images["etag"], images["size"].cast(pa.string()), ":")
    # A file's etag is its time of change, which says nothing of its content; only object storage's does.
    by_etag = pc.if_else(pc.starts_with(images["uri"], "s3://"), by_etag, pa.scalar(None, pa.string()))
    keys: list[str] = pc.coalesce(images["sha256"], by_etag, images["uri"]).to_pylist()
    return keys


def _marked(copies: pa.RecordBatch, originals: list[str]) -> pa.RecordBatch:
    columns = {name: copies[name] for name in copies.schema.names} | {
        "outcome": pa.array([str(Outcome.DUPLICATE)] * len(copies), pa.string()),
        "reason": pa.array([f"has the same content as {uri}" for uri in originals], pa.string()),
    }
    return pa.RecordBatch.from_arrays(list(columns.values()), schema=copies.schema)

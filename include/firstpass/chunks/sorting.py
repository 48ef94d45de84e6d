"""Rows that lie in one order, taken in another, with bounded memory: files hold what is needed together."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from typing import IO

import numpy as np
import pyarrow as pa

from firstpass.chunks.dealing import Rows

BUCKET = 400_000  # rows in memory at a time, but for a group that is larger
_COMPRESSED = pa.ipc.IpcWriteOptions(compression="lz4")


def rows_of_groups(parts: Iterable[pa.Table], groups: Sequence[Rows]) -> Iterator[pa.Table]:
    """The rows of each group, in its order. parts: all rows, in order. groups: row numbers; no row is in two."""
    if not groups:
        return
    buckets = _buckets(groups)
    with ExitStack() as opened:
        files = [opened.enter_context(tempfile.TemporaryFile()) for _ in buckets]  # without a name: no kill leaves one
        wanted = [np.sort(np.concatenate(bucket)) for bucket in buckets]
        _distribute(parts, wanted, files)
        for bucket, rows, file in zip(buckets, wanted, files, strict=True):
            file.seek(0)
            table = pa.ipc.open_stream(file).read_all().combine_chunks()
            file.close()
            for group in bucket:
                yield table.take(pa.array(np.searchsorted(rows, group)))


def _buckets(groups: Sequence[Rows]) -> list[list[Rows]]:
    """Neighbouring groups together, as many as fit."""
    buckets: list[list[Rows]] = [[]]
    size = 0
    for group in groups:
        if buckets[-1] and size + len(group) > BUCKET:
            buckets.append([])
            size = 0
        buckets[-1].append(group)
        size += len(group)
    return buckets


def _distribute(parts: Iterable[pa.Table], wanted: Sequence[Rows], files: Sequence[IO[bytes]]) -> None:
    """Write to each file the rows that are wanted there, in the order in which they come."""
    writers: list[pa.ipc.RecordBatchStreamWriter] = []
    start = 0
    for part in parts:
        writers = writers or [pa.ipc.new_stream(file, part.schema, options=_COMPRESSED) for file in files]
        end = start + len(part)
        for rows, writer in zip(wanted, writers, strict=True):
            first, last = np.searchsorted(rows, [start, end])
            if first < last:
                writer.write_table(part.take(pa.array(rows[first:last] - start)))
        start = end
    for writer in writers:
        writer.close()

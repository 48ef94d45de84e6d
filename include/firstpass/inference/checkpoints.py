"""What is finished of a chunk that is not: so that a node that dies loses seconds, not the chunk."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence

import pyarrow as pa

from firstpass import storage
from firstpass.contracts.chunk_manifest import Chunk
from firstpass.inference.result_rows import ResultRow, from_bytes, to_bytes, to_table

SECONDS = 30.0  # between two parts


class Checkpoints:
    """The finished rows of a chunk, always its first ones, in the manifest's order.

    They are written every SECONDS to <output>.parts/<the manifest's checksum>-<from>-<to>.parquet; those of another
    plan do not count. Not for two attempts to share: when two run at once, each writes its own parts and equal results.
    """

    def __init__(self, chunk: Chunk) -> None:
        self._folder = chunk.parts_uri
        self._seal = chunk.checksum
        self._parts: list[pa.Table] = []
        self._rows: list[ResultRow] = []
        self._left_behind = False
        self._saved_at = time.monotonic()
        self.count = 0

    def resume(self) -> int:
        """Take up what an earlier attempt finished; returns how many images that is."""
        ends: dict[int, dict[int, str]] = {}
        for entry in storage.listing(self._folder):
            self._left_behind = True
            if match := re.search(rf"/{self._seal}-(\d+)-(\d+)\.parquet$", entry.uri):
                ends.setdefault(int(match[1]), {})[int(match[2])] = entry.uri
        while self.count in ends:
            end = max(ends[self.count])
            try:
                part = from_bytes(storage.read(ends[self.count][end]))
            except (pa.ArrowInvalid, FileNotFoundError):
                break
            self._parts.append(part)
            self.count = end
        return self.count

    def add(self, rows: Sequence[ResultRow]) -> None:
        """Take in the rows that follow, and write a part when it is time."""
        self._rows += rows
        self.count += len(rows)
        if time.monotonic() - self._saved_at >= SECONDS:
            self.save()

    def save(self) -> None:
        """Write what was not written yet."""
        if self._rows:
            part = self._flush()
            name = f"{self._seal}-{self.count - len(part):08d}-{self.count:08d}.parquet"
            storage.write(storage.join(self._folder, name), to_bytes(part))
            self._left_behind = True
        self._saved_at = time.monotonic()

    def table(self) -> pa.Table:
        """All rows so far."""
        self._flush()
        return pa.concat_tables(self._parts)

    def clear(self) -> None:
        """Remove the parts, those of older plans too: the result stands."""
        if self._left_behind:
            storage.delete(self._folder)

    def _flush(self) -> pa.Table:
        part = to_table(self._rows)
        self._parts.append(part)
        self._rows = []
        return part

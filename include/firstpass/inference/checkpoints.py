"""What is finished of a chunk that is not: so that a process that dies loses seconds, not the chunk."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence

import pyarrow as pa

from firstpass import storage
from firstpass.contracts.chunk_manifest import Chunk
from firstpass.inference.result_rows import ResultRow, from_bytes, to_bytes, to_table

SECONDS = (2.0, 30.0)  # between two parts, at the least and at the most
_SHARE = 0.1  # of the work so far may be lost


class Checkpoints:
    """The finished rows of a chunk, by the images' positions in the manifest.

    They are written to <output>.parts/<the manifest's checksum>-<from>-<to>.parquet whenever a tenth of the work so far
    would be lost, every 2 to 30 seconds (on S3 10 to 30); those of another plan do not count. Not for two attempts to
    share: when two run at once, each writes its own parts and equal results.
    """

    def __init__(self, chunk: Chunk) -> None:
        self._folder = chunk.parts_uri
        self._seal = chunk.checksum
        self._uris = [image.uri for image in chunk.images]
        self._pieces: dict[int, pa.Table] = {}  # by the position of the first row; the others follow without a gap
        self._rows: dict[int, ResultRow] = {}  # not written yet
        self._done = bytearray(len(chunk.images))
        self._started = self._saved_at = time.monotonic()
        self._least = 10.0 if storage.is_s3(self._folder) else SECONDS[0]

    def __contains__(self, position: int) -> bool:
        return bool(self._done[position])

    @property
    def count(self) -> int:
        """Images that have a row."""
        return self._done.count(1)

    def missing(self) -> list[int]:
        """The positions that have none."""
        return [position for position, done in enumerate(self._done) if not done]

    def resume(self) -> int:
        """Take up what earlier attempts finished; returns how many images that is.

        A part that is damaged, or not about the manifest's images, does not count.
        """
        name = re.compile(rf"/{self._seal}-(\d+)-(\d+)\.parquet$")
        found = [
            (int(match[1]), -int(match[2]), entry.uri)
            for entry in storage.listing(self._folder)
            if (match := name.search(entry.uri))
        ]
        for first, end, uri in sorted(found):
            if 0 in self._done[first:-end]:
                self._take_up(uri, first, -end)
        return self.count

    def add(self, positions: Sequence[int], rows: Sequence[ResultRow], save: bool = True) -> None:
        """Take in rows, and write them when it is time, unless they are not to be kept."""
        for position, row in zip(positions, rows, strict=True):
            self._rows[position] = row
            self._done[position] = 1
        now = time.monotonic()
        if save and now - self._saved_at >= min(max(self._least, _SHARE * (now - self._started)), SECONDS[1]):
            self.save()

    def save(self) -> None:
        """Write what was not written yet."""
        for first, part in self._flush():
            name = f"{self._seal}-{first:08d}-{first + len(part):08d}.parquet"
            storage.write(storage.join(self._folder, name), to_bytes(part))
        self._saved_at = time.monotonic()

    def table(self) -> pa.Table:
        """All rows so far, in the manifest's order."""
        list(self._flush())
        return pa.concat_tables([self._pieces[first] for first in sorted(self._pieces)] or [to_table([])])

    def clear(self) -> None:
        """Remove the parts, those of older plans too, and what attempts left word of: the result stands."""
        storage.delete(self._folder)

    def _take_up(self, uri: str, first: int, end: int) -> None:
        try:
            part = from_bytes(storage.read(uri))
        except (pa.ArrowInvalid, FileNotFoundError):
            return
        if len(part) != end - first or part["uri"].to_pylist() != self._uris[first:end]:
            return
        for start, stop in _runs([p for p in range(first, end) if not self._done[p]]):
            self._pieces[start] = part.slice(start - first, stop - start)
            self._done[start:stop] = b"\1" * (stop - start)

    def _flush(self) -> Iterator[tuple[int, pa.Table]]:
        rows, self._rows = self._rows, {}
        for first, end in _runs(sorted(rows)):
            self._pieces[first] = to_table([rows[position] for position in range(first, end)])
            yield first, self._pieces[first]


def _runs(positions: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Ascending numbers as ranges: the first of each, and one more than its last."""
    start = 0
    for i in range(1, len(positions) + 1):
        if i == len(positions) or positions[i] != positions[i - 1] + 1:
            yield positions[start], positions[i - 1] + 1
            start = i

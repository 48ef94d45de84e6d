"""<run>/catalogue.parquet: the images that are left to infer. Beside it, catalogue.json counts all that were listed."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from firstpass import storage
from firstpass.contracts.image_reference import ImageRef

LEFT = pa.schema(
    [
        pa.field("uri", pa.string(), nullable=False),
        pa.field("etag", pa.string(), nullable=False),
        pa.field("size", pa.int64(), nullable=False),
        pa.field("sha256", pa.string()),  # null for objects never read before
        pa.field("width", pa.int32()),
        pa.field("height", pa.int32()),
        pa.field("task", pa.int32()),
        pa.field("frame", pa.int32()),
    ]
)
ROWS = 65_536  # of a row group: what is in memory at a time
_REPEATED = ["size", "width", "height", "task", "frame"]  # worth a dictionary
_DECIDED = "outcome"  # earlier releases kept what has an outcome in the same file


class CatalogueWriter:
    """Writes the catalogue in a stream. A context manager: without `store`, nothing is left behind."""

    def __init__(self, run_uri: str) -> None:
        self._run_uri = run_uri
        self._file = tempfile.NamedTemporaryFile(prefix="firstpass-catalogue-", suffix=".parquet")  # noqa: SIM115
        self._writer = pq.ParquetWriter(self._file, LEFT, compression="zstd", use_dictionary=_REPEATED)
        self._waiting: list[pa.RecordBatch] = []
        self._rows = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError), self._file:  # a full disk has said so before
            self._writer.close()

    def add(self, images: pa.RecordBatch) -> None:
        """More images; other columns than LEFT's are left out."""
        self._waiting.append(images.select(LEFT.names))
        self._rows += len(images)
        if self._rows >= ROWS:
            self._flush()

    def store(self, counts: Mapping[str, int]) -> None:
        """Put both files into the run's folder, whole, in place of earlier ones. counts: see `counts`."""
        self._flush()
        self._writer.close()
        self._file.flush()
        storage.store_file(Path(self._file.name), _file_of(self._run_uri))
        storage.write(_counts_of(self._run_uri), json.dumps(dict(counts)).encode())

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(pa.Table.from_batches(self._waiting, LEFT), row_group_size=ROWS)
        self._waiting, self._rows = [], 0


class SavedCatalogue:
    """The images that are left to infer, read a part at a time, as often as needed."""

    def __init__(self, file: pq.ParquetFile) -> None:
        self._file = file

    @property
    def most(self) -> int:
        """As many as these there may be; fewer in a file of an earlier release."""
        return int(self._file.metadata.num_rows)

    def parts(self, columns: Sequence[str] = tuple(LEFT.names)) -> Iterator[pa.Table]:
        """Some columns of all of them, in order, row group by row group."""
        older = _DECIDED in self._file.schema_arrow.names
        for number in range(self._file.num_row_groups):
            part = self._file.read_row_group(number, [*columns, _DECIDED] if older else list(columns))
            yield part.filter(pc.is_null(part[_DECIDED])).select(columns) if older else part.select(columns)


@contextmanager
def opened(run_uri: str) -> Iterator[SavedCatalogue]:
    """The run's catalogue. Raises FileNotFoundError for a run that has none."""
    with storage.as_file(_file_of(run_uri)) as path, pq.ParquetFile(path) as file:
        yield SavedCatalogue(file)


def counts(run_uri: str) -> dict[str, int]:
    """Number of listed images, of new ones (left to infer), and those of each outcome that the catalogue decided.

    Raises FileNotFoundError for a run that has no catalogue.
    """
    try:
        found: dict[str, int] = json.loads(storage.read(_counts_of(run_uri)))
    except FileNotFoundError:
        return _counts_of_earlier_release(run_uri)
    return found


def references(images: pa.Table) -> list[ImageRef]:
    """Rows of a catalogue as image references, in order."""
    columns = images.select(["uri", "size", "etag", "width", "height", "sha256", "task", "frame"]).to_pydict().values()
    return [ImageRef(*row) for row in zip(*columns, strict=True)]


def _counts_of_earlier_release(run_uri: str) -> dict[str, int]:
    with storage.as_file(_file_of(run_uri)) as path:
        outcomes = pc.value_counts(pq.read_table(path, columns=[_DECIDED])[_DECIDED].fill_null("new")).to_pylist()
    by_outcome = {str(each["values"]): int(each["counts"]) for each in outcomes}
    return {"images": sum(by_outcome.values()), "new": 0} | by_outcome


def _file_of(run_uri: str) -> str:
    return storage.join(run_uri, "catalogue.parquet")


def _counts_of(run_uri: str) -> str:
    return storage.join(run_uri, "catalogue.json")

"""The catalogue of a run: every image of the source once, with what is known of it before inference."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from operator import attrgetter

import pyarrow as pa
import pyarrow.compute as pc

from firstpass import storage
from firstpass.contracts.image_reference import ImageRef
from firstpass.contracts.image_source import LeftOut, UnreadableImage
from firstpass.contracts.outcome import Outcome
from firstpass.images.catalogue_file import LEFT, CatalogueWriter
from firstpass.images.decoding import probe
from firstpass.images.duplicates import DuplicateSearch
from firstpass.images.fetching import UNREAD
from firstpass.images.local_files import open_image, patiently
from firstpass.settings import settings

CATALOGUE = pa.schema(
    [
        *LEFT,
        pa.field("outcome", pa.string()),  # null: to be inferred; else known, duplicate, unreadable or missing
        pa.field("reason", pa.string()),
    ]
)

Known = Callable[[list[str]], set[str]]
"""Content hashes → those of them that this model did before with these settings."""

Remembered = Callable[[list[str]], dict[str, tuple[str, str, int | None, int | None]]]
"""URIs → (etag, sha256, width, height) as they were when last read."""

Faulty = Callable[[list[str]], dict[str, str]]
"""Content hashes → for those of them that this model could not use before, why: nothing has changed since."""

_Row = tuple[ImageRef, Outcome | None, str | None]  # with what is decided of it already, and why
BATCH = 4096  # references in flight at a time: what bounds memory, and one question each to those three
_THREADS = 8


def catalogue(
    run_uri: str,
    images: Iterator[ImageRef | LeftOut],
    known: Known,
    remembered: Remembered,
    reprocess: bool = False,
    faulty: Faulty = lambda _: {},
) -> Iterator[pa.RecordBatch]:
    """Write what is left to infer to <run>/catalogue.parquet, and give what is decided as batches of CATALOGUE.

    The file is there when the last batch was taken; `catalogue_file.counts` has the totals then. Memory is that of a
    batch, 16 bytes for each new image, and the URIs of those with copies.

    Local files are read once to hash them and to see their headers, a piece at a time, unless `remembered` has them
    under an unchanged etag. Objects in storage are not read: their hash is the remembered one or null. The outcome is
    that of a LeftOut, `unreadable` for what is too large or has no image's header, `known` for what `known` returns,
    `unreadable` for what `faulty` gives a reason for (neither is asked with `reprocess`), `duplicate` for the same
    content under a second name (for unread objects: the same etag and size). The others are left to infer. Both come in
    the order in which they are listed, the duplicates last. Raises FirstpassError when the source has no images,
    Unavailable when it is away.
    """
    counted = Counter({"images": 0, "new": 0})
    with DuplicateSearch(CATALOGUE) as search:
        with ThreadPoolExecutor(_THREADS, "catalogue") as pool:
            for refs in _batched(images, BATCH):
                rows = _look(pool, _recall(refs, remembered))
                if not reprocess:
                    rows = _known(rows, known, faulty)
                batch = _to_batch(rows)
                counted["images"] += len(batch)
                undecided = pc.is_null(batch["outcome"])
                search.add(batch.filter(undecided))
                yield from _counted(batch.filter(pc.invert(undecided)), counted)
        with CatalogueWriter(run_uri) as file:
            for left, copies in search.found():
                counted["new"] += len(left)
                file.add(left)
                yield from _counted(copies, counted)
            file.store(counted)


def _counted(decided: pa.RecordBatch, counted: Counter[str]) -> Iterator[pa.RecordBatch]:
    """The batch, if it has any row, its outcomes added to the counts."""
    if len(decided):
        counted.update({each["values"]: each["counts"] for each in pc.value_counts(decided["outcome"]).to_pylist()})
        yield decided


def _recall(refs: list[ImageRef | LeftOut], remembered: Remembered) -> Iterator[ImageRef | LeftOut]:
    """The references with what was found out when these very bytes were last read."""
    memory = remembered([ref.uri for ref in refs if isinstance(ref, ImageRef)])
    for ref in refs:
        if isinstance(ref, LeftOut):
            yield ref
            continue
        etag, sha256, width, height = memory.get(ref.uri, (None, None, None, None))
        yield replace(ref, sha256=sha256, width=width, height=height) if etag == ref.etag and sha256 else ref


def _look(pool: ThreadPoolExecutor, refs: Iterable[ImageRef | LeftOut]) -> list[_Row]:
    """The references completed from their files, in order; only files never read in this state are opened."""
    limit = settings().max_image_bytes
    rows: list[_Row | Future[_Row]] = []
    for ref in refs:
        if isinstance(ref, LeftOut):
            rows.append((ImageRef(ref.uri, 0, ""), ref.outcome, ref.reason))
        elif ref.size > limit:
            rows.append(
                _unreadable(ref, f"is too large: {ref.size} bytes, more than FIRSTPASS_MAX_IMAGE_BYTES={limit}")
            )
        elif ref.sha256 is None and ref.uri.startswith("file://"):
            rows.append(pool.submit(_open, ref))
        else:
            rows.append((ref, None, None))
    return [row.result() if isinstance(row, Future) else row for row in rows]


def _open(ref: ImageRef) -> _Row:
    """A local file's row. What was opened counts: see `open_image`."""
    path = storage.local_path(ref.uri)

    def read() -> _Row:
        with open_image(path) as file:
            seen = replace(ref, sha256=hashlib.file_digest(file, "sha256").hexdigest())
            file.seek(0)
            try:
                width, height = probe(file)
            except UnreadableImage as error:
                return _unreadable(seen, str(error))
            return replace(seen, width=width, height=height), None, None

    try:
        return patiently(read, path)
    except FileNotFoundError:
        return ref, None, None  # inference looks again, and calls it missing
    except OSError as error:
        return _unreadable(ref, f"{UNREAD}: {error.strerror}")
    except UnreadableImage as error:
        return _unreadable(ref, str(error))


def _unreadable(ref: ImageRef, reason: str) -> _Row:
    return ref, Outcome.UNREADABLE, reason


def _known(rows: list[_Row], known: Known, faulty: Faulty) -> list[_Row]:
    """The rows with what earlier runs found out about their contents."""
    done = known([ref.sha256 for ref, *_ in rows if ref.sha256])
    open_ones = [ref.sha256 for ref, outcome, _ in rows if ref.sha256 and not outcome and ref.sha256 not in done]
    reasons = faulty(open_ones) if open_ones else {}

    def completed(ref: ImageRef, outcome: Outcome | None, reason: str | None) -> _Row:
        if outcome or ref.sha256 is None:
            return ref, outcome, reason
        if ref.sha256 in done:
            return ref, Outcome.KNOWN, None
        return _unreadable(ref, reasons[ref.sha256]) if ref.sha256 in reasons else (ref, None, None)

    return [completed(*row) for row in rows]


def _to_batch(rows: list[_Row]) -> pa.RecordBatch:
    columns = [[value(ref) for ref, *_ in rows] for value in map(attrgetter, CATALOGUE.names[:-2])]
    columns += [[outcome for _, outcome, _ in rows], [reason for *_, reason in rows]]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, CATALOGUE, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=CATALOGUE)


def _batched(refs: Iterator[ImageRef | LeftOut], size: int) -> Iterator[list[ImageRef | LeftOut]]:
    while batch := list(islice(refs, size)):
        yield batch

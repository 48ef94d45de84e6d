"""Rows of a result as the warehouse's three big tables want them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from firstpass.contracts.chunk_manifest import Chunk
from firstpass.contracts.outcome import Outcome
from firstpass.contracts.run_spec import RunSpec
from firstpass.contracts.thresholds import Thresholds
from firstpass.warehouse.copy_encoding import (
    Field,
    arrays,
    constant,
    number,
    only,
    polygons,
    real,
    text,
    timestamp,
)
from firstpass.warehouse.copy_stream import Copy, copy

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)  # PostgreSQL's
_TEXTS = ("uri", "sha256", "etag", "outcome", "reason")
_NUMBERS = ("size", "width", "height", "brightness", "task", "frame", "drafts")
_INFERRED = pa.array([str(Outcome.OK), str(Outcome.EMPTY)])
_NOT_SEEN = pa.array([str(Outcome.MISSING), str(Outcome.FAILED)])


Fields = dict[str, Field]


def with_drafts(rows: pa.RecordBatch, thresholds: Thresholds) -> pa.RecordBatch:
    """A result's rows with their number of `drafts`, and with outcomes by it: inference knows the floor alone."""
    lists = rows["scores"]
    reached = thresholds.reached(rows["class_ids"].flatten().to_numpy(), lists.flatten().to_numpy())
    row_of = np.repeat(np.arange(len(rows)), pc.list_value_length(lists).to_numpy())
    drafts = np.bincount(row_of[reached], minlength=len(rows)).astype(np.int32)
    inferred = pc.is_in(rows["outcome"], _INFERRED)
    outcome = pc.if_else(
        inferred, pc.if_else(pa.array(drafts > 0), str(Outcome.OK), str(Outcome.EMPTY)), rows["outcome"]
    )
    columns = {name: rows[name] for name in rows.schema.names} | {"outcome": outcome, "drafts": pa.array(drafts)}
    return pa.RecordBatch.from_pydict(columns)


def fields(rows: pa.RecordBatch) -> Fields:
    """The columns that say what an image is and what became of it, encoded: two tables want them."""
    texts = {name: text(rows[name]) for name in _TEXTS if name in rows.schema.names}
    return texts | {name: number(rows[name]) for name in _NUMBERS if name in rows.schema.names}


def outcomes(spec: RunSpec, rows: pa.RecordBatch, encoded: Fields, chunk: int) -> Copy:
    """One row per image of a chunk."""
    found = number(pc.list_value_length(rows["scores"]))
    same = {"run_id": constant(spec.run_id), "chunk": constant(chunk)}
    names = ("uri", "sha256", "outcome", "reason", "width", "height", "brightness", "task", "frame", "drafts")
    return copy("outcomes", same | {"detections": found} | {name: encoded[name] for name in names})


def standing(series: int, since: int, rows: pa.RecordBatch, encoded: Fields, table: str = "standing_outcomes") -> Copy:
    """What was inferred is known in the listings of the series from `since` on."""
    inferred = pc.is_in(rows["outcome"], _INFERRED)
    same = {"series": constant(series), "since": constant(since), "outcome": constant(str(Outcome.KNOWN))}
    names = ("uri", "sha256", "width", "height", "task", "frame")
    return copy(table, same | {name: only(encoded[name], inferred) for name in names})


def images(spec: RunSpec, rows: pa.RecordBatch, encoded: Fields, table: str = "images") -> Copy:
    """What is known of each image and its current draft.

    One that is missing, or failed, is left as it was when it was seen.
    """
    started = datetime.fromisoformat(spec.started_at)
    names = ("uri", "sha256", "etag", "size", "width", "height", "task", "frame")
    columns = {name: encoded[name] for name in names} | {
        "model": constant(spec.model),
        "run_id": constant(spec.run_id),
        "seen_at": timestamp((started - _EPOCH) // timedelta(microseconds=1)),
    }
    drafted = pc.not_equal(rows["outcome"], str(Outcome.UNREADABLE))
    if not pc.all(drafted).as_py():
        columns["model"] = text(pc.if_else(drafted, spec.model, pa.scalar(None, pa.string())))
    there = pc.invert(pc.is_in(rows["outcome"], _NOT_SEEN))
    if not pc.all(there).as_py():
        columns = {name: only(field, there) for name, field in columns.items()}
    return copy(table, columns)


def predictions(chunk: Chunk, run_id: str, inferred: pa.RecordBatch, table: str = "predictions") -> Copy:
    """One row per prediction, empty ones too. `inferred` is what `inferred_rows` gives."""
    lists = ("class_ids", "scores", "x1", "y1", "x2", "y2")
    return copy(
        table,
        {
            "sha256": text(inferred["sha256"]),
            "model": constant(chunk.model),
            "floor": real(chunk.floor),
            "revision": constant(chunk.revision),
            "run_id": constant(run_id),
            "chunk": constant(chunk.index),
            "orientation": number(inferred["orientation"]),
            **dict(zip(lists, arrays([inferred[name] for name in lists]), strict=True)),
            "polygons": polygons(inferred["polygons"]),
        },
    )


def inferred_rows(rows: pa.RecordBatch) -> pa.RecordBatch:
    """The rows of a result that were inferred, one for each content, however many names it has in this chunk."""
    rows = _where(rows, pc.is_in(rows["outcome"], _INFERRED))
    contents = rows["sha256"].dictionary_encode()
    if len(contents.dictionary) < len(rows):
        rows = rows.take(np.sort(np.unique(contents.indices.to_numpy(), return_index=True)[1]))
    return rows


def _where(rows: pa.RecordBatch, mask: pa.BooleanArray) -> pa.RecordBatch:
    return rows if pc.all(mask).as_py() else rows.filter(mask)

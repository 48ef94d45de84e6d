"""Rows of a result or of the catalogue, as the warehouse's three big tables want them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from firstpass.chunks.run import RunSpec
from firstpass.inference.schema import Outcome
from firstpass.warehouse.binary import array, constant, number, polygons, text, timestamp
from firstpass.warehouse.copy import Copy, copy

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)  # PostgreSQL's
_PLACE = ("width", "height", "task", "frame")


def outcomes(spec: RunSpec, rows: pa.RecordBatch, chunk: int | None) -> Copy:
    """One row an image; `chunk` is None for what the catalogue decided."""
    found = number(pc.list_value_length(rows["scores"])) if "scores" in rows.schema.names else constant(0)
    return copy(
        "outcomes",
        {
            "run_id": constant(spec.run_id),
            "chunk": constant(chunk),
            "detections": found,
            **{name: text(rows[name]) for name in ("uri", "sha256", "outcome", "reason")},
            **{name: number(rows[name]) for name in _PLACE},
        },
    )


def images(spec: RunSpec, rows: pa.RecordBatch, table: str = "images") -> Copy:
    """What is known of each image and its current draft. One that is missing is left as it was when it was seen."""
    rows = _where(rows, pc.not_equal(rows["outcome"], str(Outcome.MISSING)))
    model, settings_hash = constant(spec.model), constant(spec.settings_hash)
    drafted = pc.not_equal(rows["outcome"], str(Outcome.UNREADABLE))
    if not pc.all(drafted).as_py():
        nothing = pa.scalar(None, pa.string())
        model = text(pc.if_else(drafted, spec.model, nothing))
        settings_hash = text(pc.if_else(drafted, spec.settings_hash, nothing))
    started = datetime.fromisoformat(spec.started_at)
    return copy(
        table,
        {
            **{name: text(rows[name]) for name in ("uri", "sha256", "etag")},
            **{name: number(rows[name]) for name in ("size", *_PLACE)},
            "model": model,
            "settings_hash": settings_hash,
            "run_id": constant(spec.run_id),
            "seen_at": timestamp((started - _EPOCH) // timedelta(microseconds=1)),
        },
    )


def detections(spec: RunSpec, predictions: pa.RecordBatch, chunk: int) -> Copy:
    """One row a prediction, empty ones too. `predictions` is what the function of that name gives."""
    return copy(
        "detections",
        {
            "sha256": text(predictions["sha256"]),
            "model": constant(spec.model),
            "settings_hash": constant(spec.settings_hash),
            "run_id": constant(spec.run_id),
            "chunk": constant(chunk),
            **{name: array(predictions[name]) for name in ("class_ids", "scores", "x1", "y1", "x2", "y2")},
            "polygons": polygons(predictions["polygons"]),
        },
    )


def predictions(rows: pa.RecordBatch) -> pa.RecordBatch:
    """The rows of a result that were inferred, one for each content, however many names it has in this chunk."""
    rows = _where(rows, pc.is_in(rows["outcome"], pa.array([str(Outcome.OK), str(Outcome.EMPTY)])))
    contents = rows["sha256"].dictionary_encode()
    if len(contents.dictionary) < len(rows):
        rows = rows.take(np.sort(np.unique(contents.indices.to_numpy(), return_index=True)[1]))
    return rows


def _where(rows: pa.RecordBatch, mask: pa.BooleanArray) -> pa.RecordBatch:
    return rows if pc.all(mask).as_py() else rows.filter(mask)

"""Rows of a chunk's result: from detections to the Arrow table, and to Parquet bytes that are always the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from firstpass.contracts.chunk_result import RESULT
from firstpass.contracts.detections import Detections
from firstpass.contracts.image_reference import ImageRef
from firstpass.contracts.outcome import Outcome

_ROW_GROUP = 10_000


@dataclass(frozen=True, slots=True)
class ResultRow:
    """What became of one image; `detections` only for the outcomes ok and empty."""

    ref: ImageRef
    outcome: Outcome
    reason: str | None = None
    sha256: str | None = None
    width: int | None = None
    height: int | None = None
    brightness: float | None = None
    orientation: int | None = None
    detections: Detections | None = None


def to_table(rows: Sequence[ResultRow]) -> pa.Table:
    """The rows in the one schema."""
    columns: dict[str, Any] = {name: [getattr(row.ref, name) for row in rows] for name in _REF_FIELDS}
    columns |= {name: [getattr(row, name) for row in rows] for name in _ROW_FIELDS}
    columns["outcome"] = [str(row.outcome) for row in rows]
    found = [row.detections for row in rows]
    columns["class_ids"] = _lists([d.class_ids if d else None for d in found], np.int32, pa.int32())
    columns["scores"] = _lists([d.scores if d else None for d in found], np.float32, pa.float32())
    for axis, name in enumerate(("x1", "y1", "x2", "y2")):
        columns[name] = _lists([d.boxes[:, axis] if d else None for d in found], np.float32, pa.float32())
    columns["polygons"] = [_polygons(d) for d in found]
    return pa.table([pa.array(columns[field.name], field.type) for field in RESULT], schema=RESULT)


def to_bytes(table: pa.Table) -> bytes:
    """Parquet. Equal rows give equal bytes, however the table came about."""
    buffer = BytesIO()
    pq.write_table(table.combine_chunks(), buffer, compression="zstd", row_group_size=_ROW_GROUP)
    return buffer.getvalue()


def from_bytes(data: bytes) -> pa.Table:
    """The reverse of `to_bytes`. Raises pyarrow.ArrowInvalid for other bytes."""
    return pq.read_table(BytesIO(data), schema=RESULT)


_REF_FIELDS = ("uri", "etag", "size", "task", "frame")
_ROW_FIELDS = ("sha256", "width", "height", "brightness", "orientation", "reason")


def _lists(arrays: list[Any], dtype: Any, kind: pa.DataType) -> pa.Array:
    """A list column from one array a row (None is an empty list), its values copied once."""
    lengths = [0 if array is None else len(array) for array in arrays]
    offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int32)
    values = [array for array in arrays if array is not None]
    flat = np.concatenate(values).astype(dtype, copy=False) if values else np.empty(0, dtype)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(flat, kind))


def _polygons(detections: Detections | None) -> list[list[Any]] | None:
    if detections is None or detections.polygons is None:
        return None
    return [[[ring.reshape(-1) for ring in part] for part in parts] for parts in detections.polygons]

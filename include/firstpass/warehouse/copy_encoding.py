"""Arrow columns → PostgreSQL's COPY BINARY stream, without a Python object per value.

A row is the concatenation of its fields, and a field is its length followed by its bytes. So every column becomes one
or more Arrow binary arrays (lengths, values), and Arrow's own element-wise join writes the rows.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack("!ii", 0, 0)
TRAILER = struct.pack("!h", -1)

Field = Sequence[pa.Array | pa.Scalar]
"""The parts of one column, to be joined row by row: arrays of large_binary, or a scalar that every row shares."""

_BYTES = pa.large_binary()  # 64-bit offsets: the masks of one chunk may exceed 2 GiB
_OIDS = {pa.int32(): 23, pa.float32(): 700}
_BIG_ENDIAN = {pa.int32(): ">i4", pa.int64(): ">i8", pa.float32(): ">f4"}


def encode(fields: Sequence[Field]) -> pa.Buffer:
    """Fields of equal length → the rows' bytes, to be sent between HEADER and TRAILER."""
    parts: list[pa.Array | bytes] = [struct.pack("!h", len(fields))]
    for part in (part for field in fields for part in field):
        if isinstance(part, pa.Scalar) and isinstance(parts[-1], bytes):
            parts[-1] += part.as_py()  # neighbours that every row shares are one
        else:
            parts.append(part.as_py() if isinstance(part, pa.Scalar) else part)
    joined = pc.binary_join_element_wise(*(pa.scalar(p, _BYTES) if isinstance(p, bytes) else p for p in [*parts, b""]))
    _, offsets, data = joined.buffers()
    start, end = np.frombuffer(offsets, np.int64)[[joined.offset, joined.offset + len(joined)]]
    return data.slice(start, end - start)


def only(field: Field, mask: pa.BooleanArray) -> Field:
    """The rows of a field where `mask` is true."""
    return [part if isinstance(part, pa.Scalar) else part.filter(mask) for part in field]


def constant(value: str | int | None) -> Field:
    """A text or int4 that is the same in every row."""
    if value is None:
        raw = struct.pack("!i", -1)
    elif isinstance(value, int):
        raw = struct.pack("!ii", 4, value)
    else:
        data = value.replace("\0", "\N{REPLACEMENT CHARACTER}").encode()
        raw = struct.pack("!i", len(data)) + data
    return [pa.scalar(raw, _BYTES)]


def real(value: float) -> Field:
    """A float4 that is the same in every row."""
    return [pa.scalar(struct.pack("!if", 4, value), _BYTES)]


def timestamp(microseconds_since_2000: int) -> Field:
    """A timestamptz that is the same in every row."""
    return [pa.scalar(struct.pack("!iq", 8, microseconds_since_2000), _BYTES)]


def text(column: pa.Array) -> Field:
    """A text column. PostgreSQL cannot hold NUL in a text: the replacement character stands for it."""
    if _all_null(column):
        return constant(None)
    if _has_nul(column):
        column = pc.replace_substring(column, "\0", "\N{REPLACEMENT CHARACTER}")
    lengths = pc.fill_null(pc.binary_length(column), -1).to_numpy()
    return [_fixed(lengths.astype(">i4")), pc.fill_null(column, "").cast(_BYTES)]


def number(column: pa.Array) -> Field:
    """An int4, int8 or float4 column, by its Arrow type."""
    if _all_null(column):
        return constant(None)
    raw = np.empty(len(column), [("bytes", ">i4"), ("value", _BIG_ENDIAN[column.type])])
    raw["bytes"] = column.type.bit_width // 8
    if not column.null_count:
        raw["value"] = column.to_numpy()
        return [_fixed(raw)]
    raw["value"] = pc.fill_null(column, 0).to_numpy()
    return [_nullable(raw, column)]


def arrays(columns: Sequence[pa.Array]) -> list[Field]:
    """Parallel list columns of int32 or float32, equally long row by row → int4[] or float4[].

    Neither lists nor their values may be null.
    """
    lengths = pc.list_value_length(columns[0]).to_numpy().astype(np.int64)
    heads = {kind: _array_heads(lengths, oid) for kind, oid in _OIDS.items()}
    offsets = np.concatenate([[0], np.cumsum(8 * lengths)])
    fields: list[Field] = []
    for column in columns:
        kind = column.type.value_type
        elements = np.empty(int(lengths.sum()), [("bytes", ">i4"), ("value", _BIG_ENDIAN[kind])])
        elements["bytes"], elements["value"] = 4, column.flatten().to_numpy()
        fields.append([heads[kind], _binary(pa.py_buffer(elements), offsets)])
    return fields


def _array_heads(lengths: NDArray[np.int64], oid: int) -> pa.Array:
    """What stands before the elements: the field's length, then dimensions, nulls, type, and size and lower bound."""
    full = lengths > 0  # an empty array has no dimension to describe
    head = np.empty((len(lengths), 6), ">i4")
    head[:, 0] = np.where(full, 20 + 8 * lengths, 12)
    head[:, 1], head[:, 2], head[:, 3], head[:, 4], head[:, 5] = full, 0, oid, lengths, 1
    used = np.where(full, 24, 16)
    return _ragged(head.view(np.uint8)[np.arange(24) < used[:, None]], used)


def polygons(column: pa.Array) -> Field:
    """The schema's lists of polygons → jsonb [detection][part][ring][x, y, x, y, …]; null stays null.

    Coordinates are written with as many digits as float32 holds. A coordinate that is not finite becomes a JSON null.
    """
    if _all_null(column):
        return constant(None)
    levels = [column]
    while pa.types.is_list(levels[-1].type.value_type):
        levels.append(levels[-1].flatten())
    flat = levels[-1].flatten()
    words = pc.if_else(pc.is_finite(flat), flat.cast(pa.string()), "null")
    for level in reversed(levels):
        words = _bracketed(level, words)
    lengths = pc.fill_null(pc.binary_length(words), 0).to_numpy()
    prefix = np.empty(len(words), [("bytes", ">i4"), ("version", "u1")])
    prefix["bytes"], prefix["version"] = lengths + 1, 1
    return [_nullable(prefix, column), pc.fill_null(words, "").cast(_BYTES)]


def array_literal(values: Sequence[str]) -> str:
    """A text[] as one parameter, which the server parses many times faster than as many parameters."""
    escaped = (value.replace("\\", "\\\\").replace('"', '\\"').replace("\0", "") for value in values)
    return '{"' + '","'.join(escaped) + '"}' if values else "{}"


def _bracketed(lists: pa.Array, words: pa.Array) -> pa.Array:
    """One JSON array for each list, given the JSON of all lists' elements."""
    offsets = np.concatenate([[0], np.cumsum(pc.fill_null(pc.list_value_length(lists), 0).to_numpy())])
    joined = pc.binary_join(pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), words), ",")
    bracketed = pc.binary_join_element_wise("[", joined, "]", "")
    return pc.if_else(lists.is_valid(), bracketed, None)


def _all_null(column: pa.Array) -> bool:
    return bool(0 < len(column) == column.null_count)


def _has_nul(column: pa.Array) -> bool:
    return not np.frombuffer(column.buffers()[2] or b"", np.uint8).all()


def _nullable(records: NDArray[Any], column: pa.Array) -> pa.Array:
    """Records that begin with their length; where `column` is null, that is -1 and there is nothing else."""
    valid = column.is_valid().to_numpy(zero_copy_only=False)
    records["bytes"][~valid] = -1
    used = np.where(valid, records.itemsize, 4)
    raw = records.view(np.uint8).reshape(len(records), records.itemsize)
    return _ragged(raw[np.arange(records.itemsize) < used[:, None]], used)


def _fixed(values: NDArray[np.generic]) -> pa.Array:
    offsets = np.arange(len(values) + 1, dtype=np.int64) * values.itemsize
    return _binary(pa.py_buffer(values), offsets)


def _ragged(data: NDArray[np.uint8], lengths: NDArray[np.int64]) -> pa.Array:
    return _binary(pa.py_buffer(data), np.concatenate([[0], np.cumsum(lengths)]))


def _binary(data: pa.Buffer, offsets: NDArray[np.int64]) -> pa.Array:
    return pa.Array.from_buffers(_BYTES, len(offsets) - 1, [None, pa.py_buffer(offsets), data])

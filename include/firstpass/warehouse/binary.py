"""Arrow columns → PostgreSQL's COPY BINARY stream, without a Python object per value.

A row is the concatenation of its fields, and a field is its length followed by its bytes. So every column becomes one
or more Arrow binary arrays (lengths, values), and Arrow's own element-wise join writes the rows.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack("!ii", 0, 0)
TRAILER = struct.pack("!h", -1)

Field = Sequence[pa.Array | pa.Scalar]
"""The parts of one column, to be joined row by row: arrays of large_binary, or a scalar that every row shares."""

_OIDS = {pa.int32(): 23, pa.float32(): 700}
_BIG_ENDIAN = {pa.int32(): ">i4", pa.int64(): ">i8", pa.float32(): ">f4"}


def encode(fields: Sequence[Field]) -> pa.Buffer:
    """Fields of equal length → the rows' bytes, to be sent between HEADER and TRAILER."""
    count = pa.scalar(struct.pack("!h", len(fields)), pa.large_binary())
    parts = [count, *(part for field in fields for part in field)]
    rows = pc.binary_join_element_wise(*parts, pa.scalar(b"", pa.large_binary()))
    _, offsets, data = rows.buffers()
    start, end = np.frombuffer(offsets, np.int64)[[rows.offset, rows.offset + len(rows)]]
    return data.slice(start, end - start)


def constant(value: str | int | None) -> Field:
    """A text or int4 that is the same in every row."""
    if value is None:
        raw = struct.pack("!i", -1)
    elif isinstance(value, int):
        raw = struct.pack("!ii", 4, value)
    else:
        data = value.replace("\0", "\N{REPLACEMENT CHARACTER}").encode()
        raw = struct.pack("!i", len(data)) + data
    return [pa.scalar(raw, pa.large_binary())]


def timestamp(microseconds_since_2000: int) -> Field:
    """A timestamptz that is the same in every row."""
    return [pa.scalar(struct.pack("!iq", 8, microseconds_since_2000), pa.large_binary())]


def text(column: pa.Array, version: bytes = b"") -> Field:
    """A text column. PostgreSQL cannot hold NUL in a text: the replacement character stands for it."""
    if _all_null(column):
        return constant(None)
    if _has_nul(column):
        column = pc.replace_substring(column, "\0", "\N{REPLACEMENT CHARACTER}")
    lengths = pc.fill_null(pc.binary_length(column), 0).to_numpy() + len(version)
    if not column.null_count:
        return [_fixed(lengths.astype(">i4")), pa.scalar(version, pa.large_binary()), column.cast(pa.large_binary())]
    valid = column.is_valid()
    prefix = _fixed(np.where(valid, lengths, -1).astype(">i4"))
    return [
        prefix,
        pc.if_else(valid, version, b"").cast(pa.large_binary()),
        pc.fill_null(column, "").cast(pa.large_binary()),
    ]


def number(column: pa.Array) -> Field:
    """An int4, int8 or float4 column, by its Arrow type."""
    if _all_null(column):
        return constant(None)
    kind = _BIG_ENDIAN[column.type]
    raw = np.empty(len(column), [("bytes", ">i4"), ("value", kind)])
    raw["bytes"], raw["value"] = column.type.bit_width // 8, pc.fill_null(column, 0).to_numpy()
    if not column.null_count:
        return [_fixed(raw)]
    valid = column.is_valid().to_numpy(zero_copy_only=False)
    raw["bytes"][~valid] = -1
    used = np.where(valid, raw.itemsize, 4)  # a null is its length, -1, and nothing else
    return [_ragged(raw.view(np.uint8).reshape(len(raw), -1)[np.arange(raw.itemsize) < used[:, None]], used)]


def array(column: pa.Array) -> Field:
    """A list column of int32 or float32 → int4[] or float4[]. Neither lists nor their values may be null."""
    lengths = pc.list_value_length(column).to_numpy(zero_copy_only=False).astype(np.int64)
    kind = column.type.value_type
    head = np.empty(len(column), [(n, ">i4") for n in ("bytes", "dimensions", "nulls", "oid", "length", "lower")])
    head["dimensions"], head["nulls"], head["oid"] = lengths > 0, 0, _OIDS[kind]
    head["length"], head["lower"] = lengths, 1
    head["bytes"] = np.where(lengths > 0, 20 + 8 * lengths, 12)
    raw = head.view(np.uint8).reshape(-1, 24)
    used = np.where(lengths > 0, 24, 16)  # an empty array has no dimension to describe
    heads = _ragged(raw[np.arange(24) < used[:, None]], used)
    values = column.flatten().to_numpy(zero_copy_only=False)
    elements = np.empty(len(values), [("bytes", ">i4"), ("value", _BIG_ENDIAN[kind])])
    elements["bytes"], elements["value"] = 4, values
    return [heads, _ragged(elements.view(np.uint8), 8 * lengths)]


def polygons(column: pa.Array) -> Field:
    """The schema's lists of polygons → jsonb [detection][part][x, y, x, y, …]; null stays null.

    Coordinates are written with as many digits as float32 holds. A coordinate that is not finite becomes a JSON null.
    """
    if _all_null(column):
        return constant(None)
    flat = column.flatten().flatten().flatten()
    words = pc.if_else(pc.is_finite(flat), flat.cast(pa.string()), "null")
    for level in (column.flatten().flatten(), column.flatten(), column):
        words = _bracketed(level, words)
    return text(words, version=b"\x01")


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


def _fixed(values: NDArray[np.generic]) -> pa.Array:
    offsets = np.arange(len(values) + 1, dtype=np.int64) * values.itemsize
    return _binary(values.view(np.uint8), offsets)


def _ragged(data: NDArray[np.uint8], lengths: NDArray[np.int64]) -> pa.Array:
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return _binary(data, offsets)


def _binary(data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> pa.Array:
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(data))]
    return pa.Array.from_buffers(pa.large_binary(), len(offsets) - 1, buffers)

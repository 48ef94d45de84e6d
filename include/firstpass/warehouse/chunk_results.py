"""A chunk's result as it comes back from inference: verified before a row of it is believed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from firstpass import storage
from firstpass.contracts.chunk_manifest import Chunk
from firstpass.contracts.chunk_result import RESULT
from firstpass.errors import FirstpassError

_LISTS = ("class_ids", "scores", "x1", "y1", "x2", "y2")

# Release 0.1.0 did not look at the orientation, and a part of a polygon was one ring.
_POLYGONS_0_1_0 = pa.field("polygons", pa.list_(pa.list_(pa.list_(pa.float32()))))
_RESULT_0_1_0 = pa.schema(
    [_POLYGONS_0_1_0 if field.name == "polygons" else field for field in RESULT if field.name != "orientation"]
)


@dataclass(frozen=True, slots=True)
class VerifiedResult:
    """A verified result. rows: in `RESULT`'s schema. marker: the done-marker as it was written."""

    rows: pa.RecordBatch
    marker: dict[str, Any]


def read_result(chunk: Chunk) -> VerifiedResult:
    """The chunk's Parquet file, checked against its done-marker and its manifest; all of it is in memory.

    Raises FirstpassError, naming the chunk and the file, when the marker or the file is missing, when they do not
    belong together (checksum, row count: what an earlier attempt left behind), or when the rows are not those of the
    manifest's images. Other failures to read (network, permissions) keep their type.
    """
    marker = _marker(chunk)
    try:
        data = storage.read(chunk.output_uri)
    except FileNotFoundError:
        raise _refuse(chunk, f"{chunk.output_uri} is missing though {chunk.done_uri} says that it is done") from None
    if sha256(data).hexdigest() != marker["sha256"]:
        raise _refuse(chunk, f"{chunk.output_uri} is not the file that its done-marker describes: its checksum differs")
    try:
        table = pq.ParquetFile(pa.BufferReader(data)).read(use_threads=False)
    except pa.ArrowInvalid as error:
        raise _refuse(chunk, f"{chunk.output_uri} is not a Parquet file: {error}") from error
    if table.schema.equals(_RESULT_0_1_0):
        table = _of_today(table)
    if not table.schema.equals(RESULT):
        raise _refuse(chunk, f"{chunk.output_uri} was written with another schema, by another release")
    if len(table) != marker["rows"]:
        raise _refuse(chunk, f"{chunk.output_uri} has {len(table)} rows, its done-marker says {marker['rows']}")
    rows = one_batch(table)
    _check_images(chunk, rows)
    _check_lists(chunk, rows)
    return VerifiedResult(rows, marker)


def _of_today(table: pa.Table) -> pa.Table:
    """A table in release 0.1.0's schema in today's: each part becomes a list of one ring."""
    parts = _contiguous(table["polygons"])
    detections = parts.values
    rings = detections.values
    alone = pa.ListArray.from_arrays(pa.array(np.arange(len(rings) + 1), pa.int32()), rings)
    nested = pa.ListArray.from_arrays(detections.offsets, alone)
    polygons = pa.ListArray.from_arrays(parts.offsets, nested, mask=parts.is_null())
    columns = {name: table[name] for name in table.column_names} | {
        "polygons": polygons,
        "orientation": pa.nulls(len(table), pa.int32()),
    }
    return pa.table([columns[field.name] for field in RESULT], schema=RESULT)


def one_batch(table: pa.Table) -> pa.RecordBatch:
    """A table as a single batch, also when it has no row."""
    return pa.RecordBatch.from_arrays([_contiguous(column) for column in table.columns], schema=table.schema)


def _contiguous(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _marker(chunk: Chunk) -> dict[str, Any]:
    try:
        marker: dict[str, Any] = json.loads(storage.read(chunk.done_uri))
    except FileNotFoundError:
        raise _refuse(chunk, f"it did not finish: there is no {chunk.done_uri}") from None
    except ValueError as error:
        raise _refuse(chunk, f"{chunk.done_uri} is not JSON: {error}") from error
    if not isinstance(marker, dict) or not {"rows", "sha256", "chunk"} <= marker.keys():
        raise _refuse(chunk, f"{chunk.done_uri} is not a done-marker: it needs rows, sha256 and chunk")
    if marker["chunk"] != chunk.checksum:
        raise _refuse(chunk, f"{chunk.done_uri} is of an earlier plan: it is for another manifest than this one")
    return marker


def _check_images(chunk: Chunk, rows: pa.RecordBatch) -> None:
    if rows["uri"].equals(pa.array([image.uri for image in chunk.images], pa.string())):
        return  # inference keeps the manifest's order; any other is accepted too
    planned = {image.uri for image in chunk.images}
    found = set(rows["uri"].to_pylist())
    if planned != found or len(rows) != len(planned):
        odd = sorted(planned ^ found)[:3] or ["one image twice"]
        raise _refuse(
            chunk, f"{chunk.output_uri} is not about the {len(planned)} images of the manifest: {', '.join(odd)}"
        )


def _check_lists(chunk: Chunk, rows: pa.RecordBatch) -> None:
    lengths = pc.list_value_length(rows["class_ids"])
    polygons = pc.coalesce(pc.list_value_length(rows["polygons"]), lengths)
    for other in (polygons, *(pc.list_value_length(rows[name]) for name in _LISTS[1:])):
        if not lengths.equals(other):
            row = pc.index(pc.not_equal(lengths, other), True).as_py()
            raise _refuse(chunk, f"{chunk.output_uri}, row {row}: its lists differ in length")


def _refuse(chunk: Chunk, problem: str) -> FirstpassError:
    return FirstpassError(
        f"chunk {chunk.index} of run {chunk.run_id}: {problem}",
        f"clear the chunk's task, `infer` or `infer_in_pod` with map index {chunk.index}, and what follows it",
    )

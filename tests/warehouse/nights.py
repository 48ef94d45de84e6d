"""Runs and chunk results as inference leaves them, made up."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import psycopg2
import pyarrow as pa
import pyarrow.parquet as pq

from firstpass import storage
from firstpass.chunks.manifest import Chunk
from firstpass.chunks.run import RunSpec
from firstpass.images.reference import ImageRef
from firstpass.inference.schema import RESULT
from firstpass.models.classes import ClassTable, ModelClass
from firstpass.models.version import Kind, ModelVersion
from firstpass.warehouse.merge import merge_catalogue, merge_chunks

VERSION = ModelVersion(
    name="toy",
    version="0123456789ab",
    kind=Kind.TFOD_FROZEN_GRAPH,
    files=(),
    classes=ClassTable((ModelClass(1, "cat"), ModelClass(2, "größe <b>"), ModelClass(5, "dog"))),
    source="file:///toy",
    decided_at="2026-01-01T00:00:00+00:00",
    admitted=True,
    threshold=0.3,
)


def row(uri: str, outcome: str = "ok", detections: int = 1, **other: Any) -> dict[str, Any]:
    """One row of a result; `detections` of them, one class after the other, each with its own numbers."""
    numbers = range(detections)
    return {
        "uri": uri,
        "etag": f"etag of {uri}",
        "size": len(uri),
        "sha256": sha256(uri.encode()).hexdigest(),
        "width": 640,
        "height": 480,
        "brightness": 96.5,
        "task": None,
        "frame": None,
        "outcome": outcome,
        "reason": None,
        "class_ids": [(1, 2, 5)[n % 3] for n in numbers],
        "scores": [0.875 - n / 64 for n in numbers],
        "x1": [10.5 + n for n in numbers],
        "y1": [20.25 + n for n in numbers],
        "x2": [110.5 + n for n in numbers],
        "y2": [220.25 + n for n in numbers],
        "polygons": None,
    } | other


def unreadable(uri: str, reason: str = "the file is empty") -> dict[str, Any]:
    return row(uri, "unreadable", 0, width=None, height=None, brightness=None, reason=reason)


@dataclass(frozen=True)
class Night:
    """A run whose chunks' results a test writes by hand."""

    spec: RunSpec

    def chunk(self, index: int, rows: list[dict[str, Any]], write: bool = True) -> Chunk:
        """A chunk about these rows' images, and its result unless `write` is False."""
        fields = ("uri", "size", "etag")
        chunk = Chunk(
            run_id=self.spec.run_id,
            index=index,
            model=self.spec.model,
            model_uri=self.spec.model_uri,
            threshold=self.spec.threshold,
            class_thresholds={},
            batch_size=8,
            output_uri=storage.join(self.spec.uri, "results", f"{index:05d}.parquet"),
            images=tuple(ImageRef(**{name: r[name] for name in fields}) for r in rows),
        )
        if write:
            self.write(chunk, rows)
        return chunk

    def write(self, chunk: Chunk, rows: list[dict[str, Any]]) -> None:
        sink = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pylist(rows, RESULT), sink)
        data = sink.getvalue().to_pybytes()
        storage.write(chunk.output_uri, data)
        marker = {
            "rows": len(rows),
            "detections": sum(len(r["scores"]) for r in rows),
            "sha256": sha256(data).hexdigest(),
            "seconds": 1.5,
            "chunk": chunk.checksum,
        }
        storage.write(chunk.done_uri, json.dumps(marker).encode())


def catalogue(rows: list[dict[str, Any]]) -> pa.Table:
    """A run's catalogue of these images; outcome None for what is to be inferred."""
    fields = [RESULT.field(name) for name in RESULT.names[:8]]
    schema = pa.schema([*fields, ("outcome", pa.string()), ("reason", pa.string())])
    return pa.Table.from_pylist([{name: each[name] for name in schema.names} for each in rows], schema)


def merge_all(dsn: str, spec: RunSpec, known: pa.Table, chunks: list[Chunk], begun: Any = None) -> None:
    """What the nightly run does with its results, over a connection of its own; sets the event `begun` before."""
    conn = psycopg2.connect(dsn)
    if begun is not None:
        begun.set()
    merge_catalogue(conn, spec, known)
    for _, counts in merge_chunks(conn, spec, chunks):
        assert isinstance(counts, dict), counts
    conn.close()


def dump(conn: Any) -> dict[str, list[tuple]]:
    """Every row of the tables that a merge writes, in a comparable order and without the clock."""
    queries = {
        "images": "SELECT * FROM images ORDER BY uri",
        "outcomes": "SELECT * FROM outcomes ORDER BY run_id, uri",
        "detections": "SELECT * FROM detections ORDER BY sha256, model, settings_hash",
        "chunks": "SELECT run_id, chunk, state, images, detections, seconds, marker, reason FROM chunks ORDER BY 1, 2",
    }
    with conn, conn.cursor() as cur:
        tables = {}
        for name, query in queries.items():
            cur.execute(query)
            tables[name] = cur.fetchall()
    return tables

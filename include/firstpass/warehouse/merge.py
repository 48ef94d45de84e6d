"""Results → warehouse rows: one transaction a chunk, everything replaced and nothing upserted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from psycopg2.extensions import connection, cursor
from psycopg2.extras import Json

from firstpass.chunks.manifest import Chunk
from firstpass.chunks.run import RunSpec
from firstpass.inference.schema import Outcome
from firstpass.warehouse.binary import Field, array, array_literal, constant, number, polygons, text, timestamp
from firstpass.warehouse.copy import Columns, copy
from firstpass.warehouse.results import read_result

_LOCK = 0x6D65726765  # merges take turns: two runs over the same images neither collide nor deadlock
_SLICE = 50_000  # catalogue rows a COPY
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


def merge_chunk(conn: connection, spec: RunSpec, chunk: Chunk) -> dict[str, int]:
    """Bring a finished chunk into the warehouse; returns its counts: images, detections, and one for each outcome.

    One transaction replaces what this chunk wrote before and what was predicted before for the same contents with the
    same model and settings. Killed anywhere and called again it leaves the same rows. Needs memory for one chunk.
    Raises FirstpassError for a result that is missing or not the manifest's own; psycopg2.OperationalError, which is
    worth another try, when the connection is lost. Opens its own transaction: call it outside of any.
    """
    result = read_result(chunk)
    rows = result.rows
    found = pc.list_value_length(rows["scores"]).combine_chunks()
    with _turn(conn) as cur:
        _replace_outcomes(cur, spec, rows, constant(chunk.index), found)
        _replace_images(cur, spec, rows)
        _replace_detections(cur, spec, chunk.index, rows)
        counts = {"images": len(rows), "detections": pc.sum(found).as_py() or 0}
        cur.execute(
            "INSERT INTO chunks (run_id, chunk, state, images, detections, seconds, marker, changed_at)"
            " VALUES (%s, %s, 'merged', %s, %s, %s, %s, now()) ON CONFLICT (run_id, chunk) DO UPDATE"
            " SET state = 'merged', images = excluded.images, detections = excluded.detections,"
            " seconds = excluded.seconds, marker = excluded.marker, reason = NULL, changed_at = excluded.changed_at",
            [spec.run_id, chunk.index, *counts.values(), result.marker.get("seconds"), Json(result.marker)],
        )
    return counts | {v["values"]: v["counts"] for v in pc.value_counts(rows["outcome"]).to_pylist()}


def fail_chunk(conn: connection, spec: RunSpec, chunk: Chunk, reason: str) -> None:
    """Give each image of a chunk that will not finish the outcome `failed`, so that none is lost silently.

    Their earlier drafts stay current. The chunk may still be merged later, which replaces this.
    """
    rows = pa.table(
        {
            "uri": pa.array([image.uri for image in chunk.images], pa.string()),
            "sha256": pa.array([image.sha256 for image in chunk.images], pa.string()),
            **{
                name: pa.array([getattr(image, name) for image in chunk.images], pa.int32())
                for name in ("width", "height", "task", "frame")
            },
            "outcome": pa.repeat(str(Outcome.FAILED), len(chunk.images)),
            "reason": pa.repeat(reason, len(chunk.images)),
        }
    )
    with _turn(conn) as cur:
        _replace_outcomes(cur, spec, rows, constant(chunk.index), pa.repeat(pa.scalar(0, pa.int32()), len(rows)))
        cur.execute(
            "INSERT INTO chunks (run_id, chunk, state, images, reason) VALUES (%s, %s, 'failed', %s, %s)"
            " ON CONFLICT (run_id, chunk) DO UPDATE SET state = 'failed', images = excluded.images, detections = NULL,"
            " seconds = NULL, marker = NULL, reason = excluded.reason, changed_at = now()",
            [spec.run_id, chunk.index, len(rows), reason.replace("\0", " ")],
        )


def merge_catalogue(conn: connection, spec: RunSpec, table: pa.Table) -> None:
    """Write the outcomes that the catalogue itself decided (known, duplicate, unreadable); rows without one wait for
    their chunks.

    The run starts afresh: what an earlier attempt at it had written goes, so this comes before any of its chunks.
    `table` has ImageRef's fields, `outcome` and `reason`; it is written in slices, in one transaction.
    """
    decided = table.filter(table["outcome"].is_valid())
    with _turn(conn) as cur:
        cur.execute("DELETE FROM outcomes WHERE run_id = %s", [spec.run_id])
        cur.execute("DELETE FROM chunks WHERE run_id = %s", [spec.run_id])
        for start in range(0, len(decided), _SLICE):
            rows = decided.slice(start, _SLICE).combine_chunks()
            _copy_outcomes(cur, spec, rows, constant(None), pa.repeat(pa.scalar(0, pa.int32()), len(rows)))
            _replace_images(cur, spec, rows)


@contextmanager
def _turn(conn: connection) -> Iterator[cursor]:
    """A transaction that has the merging to itself; it ends with the block."""
    with conn, conn.cursor() as cur:
        cur.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        yield cur


def _replace_outcomes(cur: cursor, spec: RunSpec, rows: pa.Table, chunk: Field, found: pa.Array) -> None:
    cur.execute(
        "DELETE FROM outcomes WHERE run_id = %s AND uri = ANY(%s::text[])",
        [spec.run_id, array_literal(rows["uri"].to_pylist())],
    )
    _copy_outcomes(cur, spec, rows, chunk, found)


def _copy_outcomes(cur: cursor, spec: RunSpec, rows: pa.Table, chunk: Field, found: pa.Array) -> None:
    columns: Columns = {
        "run_id": constant(spec.run_id),
        "chunk": chunk,
        "detections": number(found),
        **{name: text(_column(rows, name)) for name in ("uri", "sha256", "outcome", "reason")},
        **{name: number(_column(rows, name)) for name in ("width", "height", "task", "frame")},
    }
    copy(cur, "outcomes", columns)


def _replace_images(cur: cursor, spec: RunSpec, rows: pa.Table) -> None:
    """What is known of each image, and its current draft; left alone where a newer run was there already."""
    started = datetime.fromisoformat(spec.started_at)
    rows = rows.filter(pc.not_equal(rows["outcome"], str(Outcome.MISSING))).combine_chunks()
    cur.execute(
        "SELECT uri, seen_at > %s FROM images WHERE uri = ANY(%s::text[])",
        [started, array_literal(rows["uri"].to_pylist())],
    )
    there = dict(cur.fetchall())
    if newer := [uri for uri, is_newer in there.items() if is_newer]:
        rows = rows.filter(pc.invert(pc.is_in(rows["uri"], pa.array(newer, pa.string())))).combine_chunks()
    if len(newer) < len(there):
        older = [uri for uri, is_newer in there.items() if not is_newer]
        cur.execute("DELETE FROM images WHERE uri = ANY(%s::text[])", [array_literal(older)])
    drafted = pc.not_equal(_column(rows, "outcome"), str(Outcome.UNREADABLE))
    columns: Columns = {
        **{name: text(_column(rows, name)) for name in ("uri", "sha256", "etag")},
        **{name: number(_column(rows, name)) for name in ("size", "width", "height", "task", "frame")},
        "model": text(pc.if_else(drafted, spec.model, pa.scalar(None, pa.string()))),
        "settings_hash": text(pc.if_else(drafted, spec.settings_hash, pa.scalar(None, pa.string()))),
        "run_id": constant(spec.run_id),
        "seen_at": timestamp((started - _EPOCH) // timedelta(microseconds=1)),
    }
    copy(cur, "images", columns)


def _replace_detections(cur: cursor, spec: RunSpec, chunk: int, rows: pa.Table) -> None:
    """One prediction for each content that was inferred, however many names it has in this chunk."""
    inferred = pc.is_in(rows["outcome"], pa.array([str(Outcome.OK), str(Outcome.EMPTY)]))
    rows = rows.filter(inferred)
    _, first = np.unique(rows["sha256"].to_numpy().astype("U64"), return_index=True)
    rows = rows.take(np.sort(first)).combine_chunks()
    cur.execute(
        "DELETE FROM detections WHERE sha256 = ANY(%s::text[]) AND model = %s AND settings_hash = %s",
        [array_literal(rows["sha256"].to_pylist()), spec.model, spec.settings_hash],
    )
    columns: Columns = {
        "sha256": text(_column(rows, "sha256")),
        "model": constant(spec.model),
        "settings_hash": constant(spec.settings_hash),
        "run_id": constant(spec.run_id),
        "chunk": constant(chunk),
        **{name: array(_column(rows, name)) for name in ("class_ids", "scores", "x1", "y1", "x2", "y2")},
        "polygons": polygons(_column(rows, "polygons")),
    }
    copy(cur, "detections", columns)


def _column(rows: pa.Table, name: str) -> pa.Array:
    chunks: Sequence[pa.Array] = rows[name].chunks
    return chunks[0] if len(chunks) == 1 else pa.concat_arrays(chunks) if chunks else pa.array([], rows[name].type)

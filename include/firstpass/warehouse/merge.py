"""Results → warehouse rows: one transaction a chunk, everything replaced and nothing upserted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.compute as pc
from psycopg2.errors import UniqueViolation
from psycopg2.extensions import connection, cursor
from psycopg2.extras import Json

from firstpass.chunks.manifest import Chunk
from firstpass.chunks.run import RunSpec
from firstpass.inference.schema import Outcome
from firstpass.warehouse import tables
from firstpass.warehouse.binary import array_literal
from firstpass.warehouse.connection import transaction
from firstpass.warehouse.copy import Copy
from firstpass.warehouse.results import Result, one_batch, read_result

_LOCK = 0x6D65726765  # merges take turns: two runs over the same images neither collide nor deadlock
_SLICE = 50_000  # catalogue rows a COPY


def merge_chunk(conn: connection, spec: RunSpec, chunk: Chunk) -> dict[str, int]:
    """Bring a finished chunk into the warehouse; returns its counts: images, detections, and one for each outcome.

    One transaction replaces what this chunk wrote before and what was predicted before for the same contents with the
    same model and settings. Killed anywhere and called again it leaves the same rows. Needs memory for one chunk.
    Raises FirstpassError for a result that is missing or not the manifest's own; psycopg2.OperationalError, which is
    worth another try, when the connection is lost. Opens its own transaction: call it outside of any.
    """
    result = read_result(chunk)
    rows, predictions = result.rows, tables.predictions(result.rows)
    counts = {"images": len(rows), "detections": pc.sum(pc.list_value_length(rows["scores"])).as_py() or 0}
    outcomes, images = tables.outcomes(spec, rows, chunk.index), tables.images(spec, rows)
    detections = tables.detections(spec, predictions, chunk.index)
    # Rows are nearly always new. The primary keys tell when they are not; asking first costs as much as writing.
    try:
        with _turn(conn) as cur:
            for each in (outcomes, images, detections):
                each.into(cur)
            _mark_merged(cur, spec, chunk, result, counts)
    except UniqueViolation:
        with _turn(conn) as cur:
            _replace_outcomes(cur, spec, rows, outcomes)
            _replace_images(cur, tables.images(spec, rows, table="staged"))
            _replace_detections(cur, spec, predictions, detections)
            _mark_merged(cur, spec, chunk, result, counts)
    return counts | {v["values"]: v["counts"] for v in pc.value_counts(rows["outcome"]).to_pylist()}


def fail_chunk(conn: connection, spec: RunSpec, chunk: Chunk, reason: str) -> None:
    """Give each image of a chunk that will not finish the outcome `failed`, so that none is lost silently.

    Their earlier drafts stay current. The chunk may still be merged later, which replaces this.
    """
    count = len(chunk.images)
    rows = pa.RecordBatch.from_pydict(
        {
            **{name: pa.array([getattr(i, name) for i in chunk.images], pa.string()) for name in ("uri", "sha256")},
            **{
                name: pa.array([getattr(i, name) for i in chunk.images], pa.int32())
                for name in ("width", "height", "task", "frame")
            },
            "outcome": pa.repeat(str(Outcome.FAILED), count),
            "reason": pa.repeat(reason, count),
        }
    )
    with _turn(conn) as cur:
        _replace_outcomes(cur, spec, rows, tables.outcomes(spec, rows, chunk.index))
        cur.execute(
            "INSERT INTO chunks (run_id, chunk, state, images, reason) VALUES (%s, %s, 'failed', %s, %s)"
            " ON CONFLICT (run_id, chunk) DO UPDATE SET state = 'failed', images = excluded.images, detections = NULL,"
            " seconds = NULL, marker = NULL, reason = excluded.reason, changed_at = now()",
            [spec.run_id, chunk.index, count, reason.replace("\0", " ")],
        )


def merge_catalogue(conn: connection, spec: RunSpec, table: pa.Table) -> None:
    """Write what the catalogue itself decided (known, duplicate, unreadable); rows without outcome await their chunk.

    The run starts afresh: what an earlier attempt at it had written goes, so this comes before any of its chunks.
    `table` has ImageRef's fields, `outcome` and `reason`; it is written in slices, in one transaction.
    """
    decided = table.filter(table["outcome"].is_valid())
    with _turn(conn) as cur:
        cur.execute("DELETE FROM outcomes WHERE run_id = %s", [spec.run_id])
        cur.execute("DELETE FROM chunks WHERE run_id = %s", [spec.run_id])
        for start in range(0, len(decided), _SLICE):
            rows = one_batch(decided.slice(start, _SLICE))
            tables.outcomes(spec, rows, None).into(cur)
            _replace_images(cur, tables.images(spec, rows, table="staged"))


@contextmanager
def _turn(conn: connection) -> Iterator[cursor]:
    """A transaction that has the merging to itself; it ends with the block."""
    with transaction(conn) as cur:
        cur.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        yield cur


def _mark_merged(cur: cursor, spec: RunSpec, chunk: Chunk, result: Result, counts: dict[str, int]) -> None:
    if any(image.sha256 is None for image in chunk.images):
        _complete_duplicates(cur, spec, chunk)
    cur.execute(
        "INSERT INTO chunks (run_id, chunk, state, images, detections, seconds, marker)"
        " VALUES (%s, %s, 'merged', %s, %s, %s, %s) ON CONFLICT (run_id, chunk) DO UPDATE"
        " SET state = 'merged', images = excluded.images, detections = excluded.detections,"
        " seconds = excluded.seconds, marker = excluded.marker, reason = NULL, changed_at = now()",
        [spec.run_id, chunk.index, *counts.values(), result.marker.get("seconds"), Json(result.marker)],
    )


def _complete_duplicates(cur: cursor, spec: RunSpec, chunk: Chunk) -> None:
    """Object storage is catalogued by etag and size alone: only now is it known what content a duplicate has."""
    cur.execute(
        "WITH twins AS ("
        " SELECT o.uri, twin.sha256, twin.width, twin.height FROM outcomes o JOIN images i ON i.uri = o.uri"
        " JOIN images twin ON twin.etag = i.etag AND twin.size = i.size AND twin.uri = ANY(%(uris)s::text[])"
        " WHERE o.run_id = %(run)s AND o.outcome = 'duplicate' AND o.sha256 IS NULL"
        "), seen AS ("
        " UPDATE images i SET sha256 = t.sha256, width = t.width, height = t.height FROM twins t WHERE i.uri = t.uri"
        ") UPDATE outcomes o SET sha256 = t.sha256, width = t.width, height = t.height FROM twins t"
        " WHERE o.run_id = %(run)s AND o.uri = t.uri",
        {"run": spec.run_id, "uris": array_literal([image.uri for image in chunk.images])},
    )


def _replace_outcomes(cur: cursor, spec: RunSpec, rows: pa.RecordBatch, outcomes: Copy) -> None:
    uris = array_literal(rows["uri"].to_pylist())
    cur.execute("DELETE FROM outcomes WHERE run_id = %s AND uri = ANY(%s::text[])", [spec.run_id, uris])
    outcomes.into(cur)


def _replace_images(cur: cursor, staged: Copy) -> None:
    """Rows that say nothing new stay as they are, and so do those of a run that started later than this one."""
    cur.execute("CREATE TEMPORARY TABLE IF NOT EXISTS staged (LIKE images) ON COMMIT DROP")
    cur.execute("TRUNCATE staged")
    staged.into(cur)
    cur.execute(
        "DELETE FROM images i USING staged s WHERE i.uri = s.uri AND i.seen_at <= s.seen_at"
        " AND (i.sha256, i.etag, i.size, i.model, i.settings_hash)"
        " IS DISTINCT FROM (s.sha256, s.etag, s.size, s.model, s.settings_hash)"
    )
    cur.execute("INSERT INTO images SELECT * FROM staged ON CONFLICT DO NOTHING")


def _replace_detections(cur: cursor, spec: RunSpec, predictions: pa.RecordBatch, detections: Copy) -> None:
    contents = array_literal(predictions["sha256"].to_pylist())
    cur.execute(
        "DELETE FROM detections WHERE sha256 = ANY(%s::text[]) AND model = %s AND settings_hash = %s",
        [contents, spec.model, spec.settings_hash],
    )
    detections.into(cur)

"""Results → warehouse rows: one transaction per chunk, everything replaced and nothing upserted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from psycopg2.errors import UniqueViolation
from psycopg2.extensions import connection, cursor
from psycopg2.extras import Json

from firstpass.contracts.chunk_manifest import Chunk
from firstpass.contracts.run_spec import RunSpec
from firstpass.errors import FirstpassError, Unavailable
from firstpass.prefetch import prefetched
from firstpass.warehouse import image_faults, table_rows
from firstpass.warehouse.chunk_results import read_result
from firstpass.warehouse.copy_encoding import array_literal
from firstpass.warehouse.copy_stream import Copy
from firstpass.warehouse.merge_turn import turn
from firstpass.warehouse.seen_images import renew_images
from firstpass.warehouse.standing_outcomes import next_listing
from firstpass.warehouse.unfinished import unfinished


@dataclass(frozen=True, slots=True)
class EncodedResult:
    """A chunk's verified result, encoded for COPY: what is left to do is to write it.

    state, reason: of the chunk, see the table. rows: the result's, with their drafts. fields: their columns, encoded.
    marker: the done-marker as inference wrote it.
    """

    spec: RunSpec
    chunk: Chunk
    state: str
    reason: str | None
    rows: pa.RecordBatch
    fields: table_rows.Fields
    marker: dict[str, Any]
    outcomes: Copy
    images: Copy
    predictions: Copy

    @property
    def counts(self) -> dict[str, int]:
        """images, detections, drafts, and one for each outcome that occurs."""
        rows = self.rows
        found = pc.sum(pc.list_value_length(rows["scores"])).as_py() or 0
        outcomes = {v["values"]: v["counts"] for v in pc.value_counts(rows["outcome"]).to_pylist()}
        return {"images": len(rows), "detections": found, "drafts": pc.sum(rows["drafts"]).as_py() or 0} | outcomes


def merge_chunk(conn: connection, spec: RunSpec, chunk: Chunk) -> dict[str, int]:
    """Merge a finished chunk; returns its counts: images, detections, drafts, and one for each outcome.

    One transaction replaces what this chunk wrote before and what the same model version predicted before for the same
    contents; a prediction that another run stored with a lower floor meanwhile stays, unless the run reprocesses.
    Killed anywhere and called again it leaves the same rows. Needs memory for one chunk. Raises FirstpassError for a
    result that is missing or not the manifest's own; psycopg2.OperationalError, which is worth another try, when the
    connection is lost. Opens its own transaction: call it outside of any.
    """
    return _write(conn, prepare(spec, chunk))


def merge_chunks(
    conn: connection, spec: RunSpec, chunks: Iterable[Chunk]
) -> Iterator[tuple[Chunk, dict[str, int] | FirstpassError]]:
    """`merge_chunk` for one after the other, with the next one read and encoded while PostgreSQL writes.

    A chunk without a result of its own gives its error in place of counts and does not stop the others; storage
    that is away raises Unavailable. Needs memory for two chunks.
    """

    def ready() -> Iterator[tuple[Chunk, EncodedResult | FirstpassError]]:
        for chunk in chunks:
            try:
                yield chunk, prepare(spec, chunk)
            except Unavailable:  # says nothing of the chunk
                raise
            except FirstpassError as error:
                yield chunk, error

    for chunk, each in prefetched(ready()):
        yield chunk, each if isinstance(each, FirstpassError) else _write(conn, each)


def prepare(spec: RunSpec, chunk: Chunk) -> EncodedResult:
    """Read, verify and encode a chunk's result, without the database. Raises FirstpassError as `merge_chunk` does."""
    result = read_result(chunk)
    return _encoded(spec, chunk, result.rows, result.marker, "merged", None)


def _encoded(
    spec: RunSpec, chunk: Chunk, result: pa.RecordBatch, marker: dict[str, Any], state: str, reason: str | None
) -> EncodedResult:
    rows = table_rows.with_drafts(result, spec.thresholds)
    fields = table_rows.fields(rows)
    return EncodedResult(
        spec,
        chunk,
        state,
        reason,
        rows,
        fields,
        marker,
        table_rows.outcomes(spec, rows, fields, chunk.index),
        table_rows.images(spec, rows, fields),
        table_rows.predictions(chunk, spec.run_id, table_rows.inferred_rows(rows)),
    )


def fail_chunk(conn: connection, spec: RunSpec, chunk: Chunk, reason: str) -> dict[str, int]:
    """Merge what a chunk that will not finish has; its other images are `failed`, so that none is lost silently.

    Returns its counts, as `merge_chunk` does. Earlier drafts of what failed stay current. The chunk is `partial`, or
    `failed` where it has no row at all. It may still be merged later, which replaces this.
    """
    rows, marker = unfinished(chunk, reason, spec.engine)
    state = "partial" if marker["finished"] else "failed"
    return _write(conn, _encoded(spec, chunk, rows, marker, state, reason))


def _write(conn: connection, encoded: EncodedResult) -> dict[str, int]:
    # Rows are nearly always new. The primary keys tell when they are not; asking first costs as much as writing.
    try:
        with turn(conn) as cur:
            for each in (encoded.outcomes, encoded.images, encoded.predictions):
                each.into(cur)
            if then := next_listing(cur, encoded.spec.run_id):
                table_rows.standing(*then, encoded.rows, encoded.fields).into(cur)
            _mark_merged(cur, encoded)
    except UniqueViolation:
        spec, rows = encoded.spec, encoded.rows
        with turn(conn) as cur:
            _replace_outcomes(cur, spec, rows, encoded.outcomes)
            _replace_images(cur, spec, table_rows.images(spec, rows, encoded.fields, table="staged_images"))
            _replace_predictions(cur, encoded)
            if then := next_listing(cur, spec.run_id):
                _replace_standing(cur, encoded, *then)
            _mark_merged(cur, encoded)
    return encoded.counts


def _mark_merged(cur: cursor, encoded: EncodedResult) -> None:
    chunk, marker, counts = encoded.chunk, encoded.marker, encoded.counts
    if any(image.sha256 is None for image in chunk.images):
        _complete_duplicates(cur, encoded.spec, chunk)
    run_id, reason = encoded.spec.run_id, encoded.reason
    image_faults.remember_judged(cur, run_id, chunk.model, encoded.rows, marker.get("limits"))
    image_faults.remember_killers(cur, run_id, chunk.model, encoded.rows, marker)
    whole = encoded.state != "failed"
    cur.execute(
        "INSERT INTO chunks (run_id, chunk, state, images, detections, seconds, marker, reason)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (run_id, chunk) DO UPDATE"
        " SET state = excluded.state, images = excluded.images, detections = excluded.detections,"
        " seconds = excluded.seconds, marker = excluded.marker, reason = excluded.reason, changed_at = now()",
        [
            run_id,
            chunk.index,
            encoded.state,
            counts["images"],
            counts["detections"] if whole else None,
            marker.get("seconds"),
            Json(marker) if whole else None,
            reason and reason.replace("\0", " "),
        ],
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


def _replace_images(cur: cursor, spec: RunSpec, staged: Copy) -> None:
    cur.execute("CREATE TEMPORARY TABLE IF NOT EXISTS staged_images (LIKE images) ON COMMIT DROP")
    cur.execute("TRUNCATE staged_images")
    staged.into(cur)
    renew_images(cur, spec.run_id, "staged_images")


def _replace_standing(cur: cursor, encoded: EncodedResult, series: int, since: int) -> None:
    """What stands already of these images is left to the next catalogue, but for what an earlier merge foretold."""
    rows = encoded.rows
    cur.execute(
        "DELETE FROM standing_outcomes"
        " WHERE series = %s AND uri = ANY(%s::text[]) AND until = 2147483647 AND since >= %s",
        [series, array_literal(rows["uri"].to_pylist()), since],
    )
    cur.execute(
        "CREATE TEMPORARY TABLE IF NOT EXISTS staged_standing (LIKE standing_outcomes INCLUDING DEFAULTS)"
        " ON COMMIT DROP"
    )
    table_rows.standing(series, since, rows, encoded.fields, table="staged_standing").into(cur)
    cur.execute("INSERT INTO standing_outcomes SELECT * FROM staged_standing ON CONFLICT DO NOTHING")


def _replace_predictions(cur: cursor, encoded: EncodedResult) -> None:
    chunk, inferred = encoded.chunk, table_rows.inferred_rows(encoded.rows)
    cur.execute(
        "DELETE FROM predictions WHERE sha256 = ANY(%s::text[]) AND model = %s"
        " AND (%s OR floor >= %s::real OR revision < %s)",
        [
            array_literal(inferred["sha256"].to_pylist()),
            chunk.model,
            encoded.spec.reprocess,
            chunk.floor,
            chunk.revision,
        ],
    )
    cur.execute("CREATE TEMPORARY TABLE IF NOT EXISTS staged_predictions (LIKE predictions) ON COMMIT DROP")
    table_rows.predictions(chunk, encoded.spec.run_id, inferred, table="staged_predictions").into(cur)
    cur.execute("INSERT INTO predictions SELECT * FROM staged_predictions ON CONFLICT DO NOTHING")

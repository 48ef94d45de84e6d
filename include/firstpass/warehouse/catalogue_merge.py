"""The catalogue → warehouse rows: staged as it comes, then compared with the night before in one transaction."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa
from psycopg2.extensions import connection, cursor

from firstpass.contracts.run_spec import RunSpec
from firstpass.images.limits import Limits
from firstpass.warehouse import image_faults, table_rows
from firstpass.warehouse.connection import transaction
from firstpass.warehouse.copy_stream import copy
from firstpass.warehouse.merge_turn import turn
from firstpass.warehouse.seen_images import renew_images
from firstpass.warehouse.standing_outcomes import add_listing

# What the catalogue decided; and a view of it in the shape of the table `images`.
_CREATE = """
DROP TABLE IF EXISTS pg_temp.decided_images CASCADE;
CREATE TEMPORARY TABLE decided_images (
    uri text COLLATE "C" NOT NULL, etag text NOT NULL, size bigint NOT NULL, sha256 text COLLATE "C", width integer,
    height integer, task integer, frame integer, outcome text NOT NULL, reason text
);
CREATE TEMPORARY VIEW catalogued_images AS
SELECT uri, sha256, etag, size, width, height, task, frame,
       CASE WHEN outcome <> 'unreadable' THEN %(model)s::text END AS model, %(run_id)s::text AS run_id,
       %(started_at)s::timestamptz AS seen_at
FROM decided_images
WHERE outcome <> 'missing'
"""
_OUTCOMES = (
    "INSERT INTO outcomes (run_id, uri, outcome, detections, drafts, sha256, width, height, task, frame, reason)"
    " SELECT %(run_id)s, uri, outcome, 0, 0, sha256, width, height, task, frame, reason FROM decided_images"
    " WHERE outcome = 'duplicate' OR %(reprocess)s"
)


def merge_catalogue(
    conn: connection, spec: RunSpec, decided: Iterable[pa.RecordBatch], limits: Limits | None = None
) -> None:
    """Write what the catalogue itself decided: known, duplicate, unreadable, missing. The rest awaits its chunk.

    What it says as the series' catalogue before did is not written again; the run refers to it. A run that reprocesses
    has all of it for itself. The run starts afresh: what an earlier attempt at it had written goes, so this comes
    before any of its chunks. What was found unreadable within `limits` is remembered; nothing is without them.

    decided: batches with ImageRef's fields, `outcome` and `reason`, each URI once. They go to a temporary table as they
    come, each in a transaction of its own, so that `decided` may use the connection in between and nobody waits while
    it lists; then one transaction writes everything. Memory is that of a batch.
    """
    with transaction(conn) as cur:
        cur.execute("SET LOCAL client_min_messages = warning")
        cur.execute(_CREATE, {"model": spec.model, "run_id": spec.run_id, "started_at": spec.started_at})
    for batch in decided:
        with transaction(conn) as cur:
            copy("decided_images", table_rows.fields(batch)).into(cur)
    with transaction(conn) as cur:
        cur.execute("ANALYZE decided_images")
    with turn(conn) as cur:
        _begin_afresh(cur, spec)
        cur.execute(_OUTCOMES, {"run_id": spec.run_id, "reprocess": spec.reprocess})
        if not spec.reprocess:
            add_listing(cur, spec)
        renew_images(cur, spec.run_id, "catalogued_images")
        if limits:
            image_faults.remember_headers(cur, spec.run_id, spec.model, limits)
        cur.execute("DROP TABLE decided_images CASCADE")


def _begin_afresh(cur: cursor, spec: RunSpec) -> None:
    for table in ("outcomes", "chunks", "listings"):
        cur.execute(f"DELETE FROM {table} WHERE run_id = %s", [spec.run_id])  # noqa: S608 - constants

"""What became of a run's images: the questions that more than one room asks."""

from __future__ import annotations

from typing import Any

from psycopg2.extensions import connection

from firstpass.contracts.run_spec import RunSpec
from firstpass.images.sources import one_spelling
from firstpass.warehouse.connection import transaction


def left_out(conn: connection, run_id: str, task: int | None = None) -> dict[str, int]:
    """Images of the run that no prediction lies behind, counted by outcome; or those of one task.

    Stays in the caller's transaction.
    """
    with conn.cursor() as cur:
        cur.execute(
            "SELECT outcome, count(*) FROM run_images o JOIN runs r USING (run_id)"
            " WHERE run_id = %(run)s AND (%(task)s::int IS NULL OR task = %(task)s) AND NOT EXISTS"
            " (SELECT FROM predictions d"
            " WHERE d.sha256 = o.sha256 AND d.model = r.model"
            " AND outcome IN ('ok', 'empty', 'known', 'duplicate')) GROUP BY outcome",
            {"run": run_id, "task": task},
        )
        return dict(cur.fetchall())


def extent(conn: connection, run_id: str) -> tuple[str, str, int]:
    """The first and the last URI of the run's images, and how many CVAT tasks they are of.

    Stays in the caller's transaction.
    """
    with conn.cursor() as cur:
        cur.execute("SELECT min(uri), max(uri), count(DISTINCT task) FROM run_images WHERE run_id = %s", [run_id])
        first, last, tasks = cur.fetchall()[0]
    return first or "", last or "", tasks


def duplicates(conn: connection, run_id: str, limit: int = 200) -> list[dict[str, Any]]:
    """Images that are copies of another one: `uri`, and in `reason` which."""
    with transaction(conn) as cur:
        cur.execute(
            "SELECT uri, coalesce(reason, '') FROM outcomes WHERE run_id = %s AND outcome = 'duplicate'"
            " ORDER BY uri LIMIT %s",
            [run_id, limit],
        )
        return [{"uri": uri, "reason": reason} for uri, reason in cur]


def failed_last_time(conn: connection, spec: RunSpec) -> set[str]:
    """URIs that failed in the newest earlier run over the same images, and in runs after it that failed altogether."""
    with transaction(conn) as cur:
        cur.execute(
            "WITH earlier AS (SELECT * FROM runs WHERE source = %s AND run_id <> %s)"
            " SELECT o.uri FROM outcomes o JOIN earlier r USING (run_id)"
            " WHERE o.outcome = 'failed' AND r.state IN ('success', 'partial', 'failed') AND r.started_at >= coalesce("
            "  (SELECT max(started_at) FROM earlier WHERE state IN ('success', 'partial')), '-infinity')",
            [one_spelling(spec.images), spec.run_id],
        )
        return {uri for (uri,) in cur}

"""One run in figures, for its report: what it found per class and score, how its chunks went, how it compares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from psycopg2.extensions import connection
from psycopg2.extras import RealDictCursor

from firstpass.warehouse.connection import transaction

SCORE_BINS = 20

_HISTOGRAM = """
SELECT d.class_id, coalesce(c.name, 'class ' || d.class_id) AS name, d.bin, d.count
FROM (
    SELECT r.model, u.class_id, width_bucket(u.score, %(edges)s::real[]) AS bin, count(*) AS count
    FROM run_predictions r
    CROSS JOIN LATERAL unnest(r.class_ids, r.scores) AS u (class_id, score)
    WHERE r.run_id = %(run_id)s AND r.outcome = ANY(%(outcomes)s)
      AND reaches(u.score, u.class_id, r.threshold, r.class_thresholds)
    GROUP BY 1, 2, 3
) d
LEFT JOIN classes c ON c.model = d.model AND c.class_id = d.class_id
"""

_FIGURES = """
SELECT r.run_id, r.model, (r.spec ->> 'threshold')::float8 AS threshold, r.started_at,
       coalesce(sum(o.images) FILTER (WHERE o.outcome IN ('ok', 'empty')), 0)::bigint AS inferred,
       coalesce(sum(o.drafts), 0)::bigint AS drafts,
       coalesce(sum(o.images) FILTER (WHERE o.outcome = 'empty'), 0)::bigint AS empty,
       coalesce(sum(o.images), 0)::bigint AS images,
       coalesce(sum(o.images) FILTER (WHERE o.outcome IN ('unreadable', 'missing')), 0)::bigint AS unreadable,
       (SELECT sum(c.images) / nullif(sum(c.seconds), 0) FROM chunks c WHERE c.run_id = r.run_id AND c.state = 'merged')
           AS images_per_second
FROM runs r
LEFT JOIN run_outcomes o ON o.run_id = r.run_id
WHERE r.run_id = %(run_id)s
GROUP BY r.run_id
"""

# The run before this one over the same source with a version of the same model, of those that inferred anything.
_BEFORE = """
SELECT b.run_id
FROM runs r
JOIN runs b ON b.started_at < r.started_at AND b.source = r.source
           AND split_part(b.model, '@', 1) = split_part(r.model, '@', 1)
WHERE r.run_id = %(run_id)s
  AND EXISTS (SELECT FROM chunks c WHERE c.run_id = b.run_id AND c.state = 'merged' AND c.images > 0)
ORDER BY b.started_at DESC
LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class ClassCount:
    """A class's drafts, in total and per score bin ([SCORE_BINS])."""

    name: str
    count: int
    bins: list[int]


def class_counts(conn: connection, run_id: str, outcomes: list[str]) -> list[ClassCount]:
    """The classes of the drafts on images of these outcomes, the most frequent first."""
    found: dict[int, ClassCount] = {}
    edges = [n / SCORE_BINS for n in range(1, SCORE_BINS)]
    for row in _rows(conn, _HISTOGRAM, run_id, outcomes=outcomes, edges=edges):
        found.setdefault(row["class_id"], ClassCount(row["name"], 0, [0] * SCORE_BINS)).bins[row["bin"]] = row["count"]
    counted = [ClassCount(each.name, sum(each.bins), each.bins) for each in found.values()]
    return sorted(counted, key=lambda each: (-each.count, each.name))


def figures(conn: connection, run_id: str) -> dict[str, Any]:
    """The run's settings and totals: what `_FIGURES` selects, under its names."""
    return _rows(conn, _FIGURES, run_id)[0]


def run_before(conn: connection, run_id: str) -> str | None:
    """The last run before this one that inferred anything, over the same source with any version of the same model.

    So a new version is seen beside the one that it replaced, and another team's run beside none of ours.
    """
    rows = _rows(conn, _BEFORE, run_id)
    return str(rows[0]["run_id"]) if rows else None


def chunk_rows(conn: connection, run_id: str) -> list[dict[str, Any]]:
    """The run's chunks in order: chunk, state, images, seconds, marker (the done-marker) and reason."""
    query = "SELECT chunk, state, images, seconds, marker, reason FROM chunks WHERE run_id = %(run_id)s ORDER BY 1"
    return _rows(conn, query, run_id)


def _rows(conn: connection, query: str, run_id: str, **more: Any) -> list[dict[str, Any]]:
    with transaction(conn, RealDictCursor) as cursor:
        cursor.execute(query, {"run_id": run_id, **more})
        return [dict(row) for row in cursor.fetchall()]

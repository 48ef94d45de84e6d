"""Which images of a run are worth a picture in its report."""

from __future__ import annotations

from typing import Any

from psycopg2.extensions import connection

from firstpass.warehouse.connection import transaction

# A third least certain, a third most crowded, and the rest at random, yet the same whenever the report is built again.
_CHOOSE = """
WITH predicted AS (
    SELECT DISTINCT ON (d.sha256) d.uri, d.sha256, d.width, d.height, d.task, d.frame, d.model, d.class_ids, d.scores,
           d.x1, d.y1, d.x2, d.y2, d.polygons, d.detections,
           nullif((SELECT avg(s) FROM unnest(d.scores) AS s), 'NaN') AS certainty
    FROM run_predictions d
    WHERE d.run_id = %(run_id)s AND d.outcome = ANY(%(outcomes)s)
    ORDER BY d.sha256, d.uri
), ranked AS (
    SELECT *, least(
               3 * row_number() OVER (ORDER BY certainty NULLS LAST, sha256) - 2,
               3 * row_number() OVER (ORDER BY detections DESC, sha256) - 1,
               3 * row_number() OVER (ORDER BY detections = 0, sha256)) AS place
    FROM predicted
)
SELECT r.uri, coalesce(i.size, 0), coalesce(i.etag, ''), r.width, r.height, r.sha256, r.task, r.frame, r.certainty,
       r.detections, r.class_ids[:%(detections)s], r.scores[:%(detections)s], r.x1[:%(detections)s],
       r.y1[:%(detections)s], r.x2[:%(detections)s], r.y2[:%(detections)s], r.polygons
FROM ranked r
LEFT JOIN images i ON i.uri = r.uri
ORDER BY r.place, r.sha256
LIMIT %(limit)s
"""


def choose_pictures(
    conn: connection, run_id: str, outcomes: list[str], limit: int, detections: int
) -> list[tuple[Any, ...]]:
    """At most `limit` images of the run with one of these outcomes, each content once, at most `detections` of each.

    Of each: the fields of ImageRef (uri to frame), mean score, number of detections, class ids, scores, x1, y1, x2, y2,
    polygons.
    """
    with transaction(conn) as cursor:
        cursor.execute(_CHOOSE, {"run_id": run_id, "outcomes": outcomes, "limit": limit, "detections": detections})
        return cursor.fetchall()

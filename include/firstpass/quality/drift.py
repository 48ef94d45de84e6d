"""A run's distributions, kept as histograms, and those of the model's earlier runs to compare them with."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg2.extensions import connection

from firstpass.settings import settings

# The bins' lower edges, but for the first, which starts at zero.
SCORE_EDGES = [n / 20 for n in range(1, 20)]
BOXES_EDGES = [1, 2, 3, 4, 5, 7, 10, 15, 25, 50, 100]
SIZE_EDGES = [n / 10 for n in range(1, 10)]

# Thresholds as arrays: that form of width_bucket takes a NaN for larger than everything instead of failing.
_PROFILE = """
WITH own AS MATERIALIZED (
    SELECT d.* FROM run_predictions d WHERE d.run_id = %(run_id)s AND d.outcome IN ('ok', 'empty')
), found AS (
    SELECT u.class_id AS class, width_bucket(u.score, %(score)s::real[]) AS score,
           width_bucket(sqrt(abs((u.x2 - u.x1) * (u.y2 - u.y1)) / nullif(o.width * o.height::real, 0)),
                        %(size)s::float8[]) AS size
    FROM own o
    CROSS JOIN LATERAL unnest(o.class_ids, o.scores, o.x1, o.y1, o.x2, o.y2) AS u (class_id, score, x1, y1, x2, y2)
    WHERE reaches(u.score, u.class_id, o.threshold, o.class_thresholds)
), counted AS (
    SELECT CASE grouping(class, score, size) WHEN 3 THEN 'class' WHEN 5 THEN 'score' ELSE 'size' END AS measure,
           coalesce(class, score, size) AS bin, count(*) AS count
    FROM found
    GROUP BY GROUPING SETS (class, score, size)
    UNION ALL
    SELECT 'boxes', width_bucket(o.drafts, %(boxes)s::integer[]), count(*)
    FROM run_images o WHERE o.run_id = %(run_id)s AND o.outcome IN ('ok', 'empty') GROUP BY 2
)
INSERT INTO quality_profiles (run_id, measure, bin, count)
SELECT %(run_id)s, measure, bin, count FROM counted WHERE bin IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One measure of a run beside its base: bin → count, now and in `runs` earlier runs together."""

    now: dict[int, int]
    base: dict[int, int]
    runs: int


def store_profile(conn: connection, run_id: str) -> None:
    """Replace the run's histograms: classes, scores, drafts per image, and box size as a share of the image's side.

    Only drafts that the run inferred itself count: those known from earlier runs are part of those runs' histograms.
    """
    with conn, conn.cursor() as cursor:
        cursor.execute("DELETE FROM quality_profiles WHERE run_id = %s", [run_id])
        cursor.execute(_PROFILE, {"run_id": run_id, "score": SCORE_EDGES, "boxes": BOXES_EDGES, "size": SIZE_EDGES})


def comparisons(conn: connection, run_id: str) -> dict[str, Comparison]:
    """Measure → the run beside the model's earlier runs; a measure without any sample is left out."""
    with conn, conn.cursor() as cursor:
        cursor.execute(
            "SELECT p.measure, p.bin, 0, p.count FROM quality_profiles p WHERE p.run_id = %(run_id)s"
            " UNION ALL SELECT p.measure, p.bin, b.place, p.count FROM quality_bases b"
            " JOIN quality_profiles p ON p.run_id = b.earlier_run WHERE b.run_id = %(run_id)s AND b.place <= %(runs)s",
            {"run_id": run_id, "runs": settings().check_drift_runs},
        )
        rows = cursor.fetchall()
    found: dict[str, Comparison] = {}
    for measure, bin_, place, count in rows:
        one = found.setdefault(measure, Comparison({}, {}, max(row[2] for row in rows)))
        side = one.base if place else one.now
        side[bin_] = side.get(bin_, 0) + int(count)
    return found

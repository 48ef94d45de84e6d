-- One row: how far each distribution lies from that of the model's earlier runs, as population stability index.
--
-- Bins that would hold fewer than five of this run's samples are pooled, half a sample is added to each bin, and what
-- chance alone brings, (bins - 1) * (1/n + 1/m), is subtracted: a small run of many classes is not drift. Null where this run
-- or the earlier ones have too few samples to compare.
WITH paired AS (
    SELECT measure, bin, sum(count) FILTER (WHERE NOT earlier) AS now, sum(count) FILTER (WHERE earlier) AS base
    FROM (
        SELECT measure, bin, count, false AS earlier FROM quality_profiles WHERE run_id = {run_id}
        UNION ALL
        SELECT p.measure, p.bin, p.count, true
        FROM quality_bases b
        JOIN quality_profiles p ON p.run_id = b.earlier_run
        WHERE b.run_id = {run_id} AND b.place <= {drift_runs}
    ) AS both_sides
    GROUP BY measure, bin
), sized AS (
    SELECT measure, bin, coalesce(now, 0)::float8 AS now, coalesce(base, 0)::float8 AS base,
           sum(coalesce(now, 0)) OVER of_measure AS n, sum(coalesce(base, 0)) OVER of_measure AS m
    FROM paired
    WINDOW of_measure AS (PARTITION BY measure)
), pooled AS (
    SELECT measure, n::float8, m::float8, sum(now) + 0.5 AS now, sum(base) + 0.5 AS base, count(*) OVER (PARTITION BY measure) AS bins
    FROM sized
    WHERE n >= {drift_samples} AND m >= {drift_samples}
    GROUP BY measure, n, m, CASE WHEN base / m * n < 5 THEN -1 ELSE bin END
), indexed AS (
    SELECT measure, greatest(0, sum(
               (now / (n + bins * 0.5) - base / (m + bins * 0.5)) * ln((now / (n + bins * 0.5)) / (base / (m + bins * 0.5)))
           ) - max((bins - 1) * (1 / n + 1 / m))) AS psi
    FROM pooled
    GROUP BY measure
)
SELECT max(psi) FILTER (WHERE measure = 'class') AS class_drift,
       max(psi) FILTER (WHERE measure = 'score') AS score_drift,
       max(psi) FILTER (WHERE measure = 'boxes') AS boxes_drift,
       max(psi) FILTER (WHERE measure = 'size') AS size_drift
FROM indexed

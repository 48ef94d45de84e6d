-- One row: the run as a whole. A number is null where there is nothing to look at.
WITH throughput AS (
    SELECT c.run_id, sum(c.images) / nullif(sum(c.seconds), 0) AS images_per_second
    FROM run_chunks c
    WHERE c.state = 'merged'
      AND (c.run_id = {run_id} OR c.run_id IN (
          SELECT earlier_run FROM quality_bases WHERE run_id = {run_id} AND place <= {drift_runs}))
    GROUP BY c.run_id
    HAVING sum(c.images) >= {drift_samples}
)
SELECT CASE WHEN {listed} > 0 OR count(o.uri) > 0 THEN {listed} - count(o.uri) END AS images_without_outcome,
       CASE WHEN count(o.uri) > 0 THEN count(*) FILTER (WHERE o.outcome = 'unreadable' AND right(o.uri, 1) = '/') END
           AS folders_not_listed,
       (SELECT CASE WHEN count(*) > 0 THEN count(*) FILTER (WHERE c.state = 'planned') END
        FROM run_chunks c WHERE c.run_id = r.run_id) AS chunks_not_merged,
       (SELECT CASE WHEN count(*) > 0 THEN count(*) FILTER (WHERE c.state IN ('failed', 'partial')) END
        FROM run_chunks c WHERE c.run_id = r.run_id) AS chunks_failed,
       (SELECT CASE WHEN count(*) > 0 THEN count(*) FILTER (WHERE coalesce(c.marker ->> 'device', 'cpu') = 'cpu') END
        FROM run_chunks c WHERE c.run_id = r.run_id AND c.state = 'merged' AND (c.marker ->> 'gpus_asked')::integer > 0)
           AS chunks_without_gpu,
       count(*) FILTER (WHERE o.outcome IN ('unreadable', 'missing'))::float8 / nullif(count(o.uri), 0)
           AS unreadable_rate,
       count(*) FILTER (WHERE o.outcome = 'duplicate')::float8 / nullif(count(o.uri), 0) AS duplicate_rate,
       count(*) FILTER (WHERE o.outcome = 'empty')::float8
           / nullif(count(*) FILTER (WHERE o.outcome IN ('ok', 'empty')), 0) AS empty_rate,
       (SELECT max(images_per_second) FILTER (WHERE run_id = {run_id})
             / percentile_cont(0.5) WITHIN GROUP (ORDER BY images_per_second) FILTER (WHERE run_id <> {run_id})
        FROM throughput) AS speed
FROM run_thresholds r
LEFT JOIN run_images o ON o.run_id = r.run_id
WHERE r.run_id = {run_id}
GROUP BY r.run_id

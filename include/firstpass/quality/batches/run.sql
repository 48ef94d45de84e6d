-- One row: the run as a whole. Rates are null where there is nothing to divide by.
WITH throughput AS (
    SELECT c.run_id, sum(c.images) / nullif(sum(c.seconds), 0) AS images_per_second
    FROM run_chunks c
    WHERE c.state = 'merged'
      AND (c.run_id = {run_id} OR c.run_id IN (
          SELECT earlier_run FROM quality_bases WHERE run_id = {run_id} AND place <= {drift_runs}))
    GROUP BY c.run_id
    HAVING sum(c.images) >= {drift_samples}
)
SELECT {listed} - count(o.uri) AS images_without_outcome,
       count(*) FILTER (WHERE o.outcome = 'unreadable' AND right(o.uri, 1) = '/') AS folders_not_listed,
       (SELECT count(*) FROM run_chunks c WHERE c.run_id = r.run_id AND c.state = 'planned') AS chunks_not_merged,
       (SELECT count(*) FROM run_chunks c WHERE c.run_id = r.run_id AND c.state = 'failed') AS chunks_failed,
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

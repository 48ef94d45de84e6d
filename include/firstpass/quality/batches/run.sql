-- One row: the run as a whole. Rates are null where there is nothing to divide by.
SELECT {listed} - count(o.uri) AS images_without_outcome,
       (SELECT count(*) FROM chunks c WHERE c.run_id = r.run_id AND c.state = 'planned') AS chunks_not_merged,
       (SELECT count(*) FROM chunks c WHERE c.run_id = r.run_id AND c.state = 'failed') AS chunks_failed,
       count(*) FILTER (WHERE o.outcome IN ('unreadable', 'missing'))::float8 / nullif(count(o.uri), 0)
           AS unreadable_rate,
       count(*) FILTER (WHERE o.outcome = 'duplicate')::float8 / nullif(count(o.uri), 0) AS duplicate_rate,
       count(*) FILTER (WHERE o.outcome = 'empty')::float8
           / nullif(count(*) FILTER (WHERE o.outcome IN ('ok', 'empty')), 0) AS empty_rate
FROM runs r
LEFT JOIN outcomes o ON o.run_id = r.run_id
WHERE r.run_id = {run_id}
GROUP BY r.run_id

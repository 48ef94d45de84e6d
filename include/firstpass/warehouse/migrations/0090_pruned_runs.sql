-- A pruned run keeps its row, its counts and its checks as long as drafts rest on it: see decision 0028.

ALTER TABLE runs
    ADD COLUMN removed text[] NOT NULL DEFAULT '{}',  -- kinds of files that a prune took: results, reports, data_docs
    ADD COLUMN pruned_at timestamptz,                 -- when its outcomes, chunks and folder went
    ADD COLUMN outcome_counts jsonb;                  -- of a pruned run: its rows of run_outcomes, without run_id

-- A run's images counted, without reading what is known. An outcome may have two rows, which add up.
CREATE OR REPLACE VIEW run_outcomes AS
SELECT run_id, outcome, count(*) AS images, sum(detections)::bigint AS detections,
       sum(coalesce(drafts, detections))::bigint AS drafts
FROM outcomes
GROUP BY run_id, outcome
UNION ALL
SELECT l.run_id, c.outcome, c.images, 0, 0
FROM listings l
CROSS JOIN LATERAL (VALUES ('known', l.known), ('unreadable', l.unreadable), ('missing', l.missing))
    AS c (outcome, images)
WHERE c.images > 0
UNION ALL
SELECT r.run_id, c.outcome, c.images, c.detections, c.drafts
FROM runs r
CROSS JOIN LATERAL jsonb_to_recordset(r.outcome_counts)
    AS c (outcome text, images bigint, detections bigint, drafts bigint)
WHERE r.pruned_at IS NOT NULL;

-- A check holds, does not hold, or had nothing to check.

ALTER TABLE quality_results ADD COLUMN state text
    CHECK (state IN ('holds', 'does not hold', 'nothing to check'));
UPDATE quality_results SET state = CASE
    WHEN NOT success THEN 'does not hold'
    WHEN value IS NULL OR observed LIKE '0 of 0 %' THEN 'nothing to check'
    ELSE 'holds' END;

DROP VIEW quality_trend;
ALTER TABLE quality_results ALTER state SET NOT NULL, DROP COLUMN success;

ALTER TABLE quality_verdicts DROP CONSTRAINT quality_verdicts_verdict_check;
ALTER TABLE quality_verdicts
    ADD CONSTRAINT quality_verdicts_verdict_check
    CHECK (verdict IN ('passed', 'warnings', 'failed', 'nothing to check'));
UPDATE quality_verdicts v SET verdict = 'nothing to check'
WHERE verdict = 'passed' AND NOT EXISTS (
    SELECT FROM quality_results q WHERE q.run_id = v.run_id AND q.state = 'holds' AND q.suite <> 'classes');

-- For people: one row per run, so that quality over weeks is a query.
CREATE VIEW quality_trend AS
SELECT r.run_id, r.started_at, r.model, r.state, v.verdict, v.images, v.drafts, v.drift,
       count(*) FILTER (WHERE q.state = 'does not hold' AND q.severity = 'critical') AS critical,
       count(*) FILTER (WHERE q.state = 'does not hold' AND q.severity = 'warning') AS warnings,
       count(*) FILTER (WHERE q.state = 'nothing to check') AS nothing_to_check,
       max(q.value) FILTER (WHERE q.expectation = 'empty_rate') AS empty_rate,
       max(q.value) FILTER (WHERE q.expectation = 'unreadable_rate') AS unreadable_rate,
       max(q.value) FILTER (WHERE q.expectation = 'duplicate_rate') AS duplicate_rate,
       max(q.value) FILTER (WHERE q.expectation = 'speed') AS speed
FROM runs r
LEFT JOIN quality_verdicts v ON v.run_id = r.run_id
LEFT JOIN quality_results q ON q.run_id = r.run_id
GROUP BY r.run_id, v.run_id;

-- Runs whose own drafts were checked, and in which no single draft was found to be wrong. What another run knows from
-- one of these need not be looked at again.
CREATE VIEW checked_runs AS
SELECT v.run_id
FROM quality_verdicts v
WHERE NOT EXISTS (
    SELECT FROM quality_results q
    WHERE q.run_id = v.run_id AND q.suite IN ('detections', 'polygons') AND q.severity = 'critical'
      AND q.state = 'does not hold');

-- What was checked about each run, and the distributions that later runs are compared with.

CREATE TABLE quality_results (
    run_id      text NOT NULL REFERENCES runs ON DELETE CASCADE,
    suite       text NOT NULL,
    expectation text NOT NULL,
    severity    text NOT NULL CHECK (severity IN ('critical', 'warning')),
    success     boolean NOT NULL,
    observed    text NOT NULL,           -- what was found, in words
    value       double precision,        -- the same as a number where there is one
    sentence    text NOT NULL,           -- what is expected, as a labeller would say it
    PRIMARY KEY (run_id, suite, expectation)
);

-- A run in one row: what a list of a thousand runs shows without reading a single detection.
CREATE TABLE quality_verdicts (
    run_id     text PRIMARY KEY REFERENCES runs ON DELETE CASCADE,
    verdict    text NOT NULL CHECK (verdict IN ('passed', 'warnings', 'failed')),
    images     bigint NOT NULL,          -- with an outcome
    detections bigint NOT NULL,          -- found by the run itself
    drift      double precision,         -- the largest of its measures; null when there was nothing to compare with
    checked_at timestamptz NOT NULL DEFAULT now()
);

-- A run's own detections as histograms: a few hundred rows, so that drift never reads old detections again.
CREATE TABLE quality_profiles (
    run_id  text NOT NULL REFERENCES runs ON DELETE CASCADE,
    measure text NOT NULL CHECK (measure IN ('class', 'score', 'boxes', 'size')),
    bin     integer NOT NULL,            -- class id, or number of the bin from 0
    count   bigint NOT NULL,
    PRIMARY KEY (run_id, measure, bin)
);

-- Which earlier runs a run is compared with: the same model with the same thresholds, place 1 is the newest.
CREATE VIEW quality_bases AS
SELECT r.run_id, e.run_id AS earlier_run, e.place
FROM runs r
CROSS JOIN LATERAL (
    SELECT b.run_id, row_number() OVER (ORDER BY b.started_at DESC, b.run_id) AS place
    FROM runs b
    WHERE b.model = r.model AND b.settings_hash = r.settings_hash AND b.started_at < r.started_at
      AND EXISTS (SELECT FROM quality_profiles p WHERE p.run_id = b.run_id)
) e;

-- For people: one row a run, so that quality over weeks is a query.
CREATE VIEW quality_trend AS
SELECT r.run_id, r.started_at, r.model, r.state, v.verdict, v.images, v.detections, v.drift,
       count(*) FILTER (WHERE NOT q.success AND q.severity = 'critical') AS critical,
       count(*) FILTER (WHERE NOT q.success AND q.severity = 'warning') AS warnings,
       max(q.value) FILTER (WHERE q.expectation = 'empty_rate') AS empty_rate,
       max(q.value) FILTER (WHERE q.expectation = 'unreadable_rate') AS unreadable_rate,
       max(q.value) FILTER (WHERE q.expectation = 'duplicate_rate') AS duplicate_rate,
       max(q.value) FILTER (WHERE q.expectation = 'speed') AS speed
FROM runs r
LEFT JOIN quality_verdicts v ON v.run_id = r.run_id
LEFT JOIN quality_results q ON q.run_id = r.run_id
GROUP BY r.run_id, v.run_id;

-- What was checked about each run, and the distributions that later runs are compared with.

CREATE TABLE quality_results (
    run_id      text NOT NULL REFERENCES runs ON DELETE CASCADE,
    suite       text NOT NULL,
    expectation text NOT NULL,
    severity    text NOT NULL CHECK (severity IN ('critical', 'warning', 'info')),
    success     boolean NOT NULL,
    observed    text NOT NULL,           -- what was found, in words
    value       double precision,        -- the same as a number where there is one
    sentence    text NOT NULL,           -- what is expected, as a labeller would say it
    checked_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (run_id, suite, expectation)
);

-- A run's own detections as histograms: a few hundred rows, so that drift never reads old detections again.
CREATE TABLE quality_profiles (
    run_id  text NOT NULL REFERENCES runs ON DELETE CASCADE,
    measure text NOT NULL CHECK (measure IN ('class', 'score', 'boxes_per_image', 'box_size')),
    bin     integer NOT NULL,
    count   bigint NOT NULL,
    PRIMARY KEY (run_id, measure, bin)
);

-- For people: one row a run, so that quality over weeks is a query.
CREATE VIEW quality_trend AS
SELECT r.run_id, r.started_at, r.model,
       CASE WHEN bool_or(NOT q.success AND q.severity = 'critical') THEN 'failed'
            WHEN bool_or(NOT q.success AND q.severity = 'warning') THEN 'warnings'
            WHEN count(q.run_id) > 0 THEN 'passed' END AS verdict,
       count(*) FILTER (WHERE NOT q.success AND q.severity = 'critical') AS critical,
       count(*) FILTER (WHERE NOT q.success AND q.severity = 'warning') AS warnings,
       max(q.value) FILTER (WHERE q.expectation = 'empty_rate') AS empty_rate,
       max(q.value) FILTER (WHERE q.expectation = 'unreadable_rate') AS unreadable_rate,
       max(q.value) FILTER (WHERE q.expectation = 'images_per_second') AS images_per_second,
       max(q.value) FILTER (WHERE q.suite = 'drift') AS drift
FROM runs r
LEFT JOIN quality_results q ON q.run_id = r.run_id
GROUP BY r.run_id;

-- A run is recorded before anything can fail: until a model version is settled on, it has what was asked for alone.

ALTER TABLE runs ALTER model DROP NOT NULL, ALTER threshold DROP NOT NULL, ALTER class_thresholds DROP NOT NULL,
                 ALTER floor DROP NOT NULL;

ALTER TABLE runs ADD COLUMN asked_model text;     -- name, or name@version, as it was asked for
ALTER TABLE runs ADD COLUMN source text;          -- images_uri in the one spelling that runs are compared by
ALTER TABLE runs ADD COLUMN error jsonb;          -- stage, problem, fix: why it failed; kept until the stage succeeds
ALTER TABLE runs ADD COLUMN stage text;           -- the stage that began last
ALTER TABLE runs ADD COLUMN stage_began timestamptz;

UPDATE runs SET asked_model = model,
    source = CASE
        WHEN rtrim(regexp_replace(images_uri, '^file://(localhost)?/', '/'), '/') = '' THEN '/'
        ELSE rtrim(regexp_replace(images_uri, '^file://(localhost)?/', '/'), '/') END;
ALTER TABLE runs ALTER asked_model SET NOT NULL, ALTER source SET NOT NULL;

-- Which earlier runs a run is compared with: the same source, model version and thresholds; place 1 is the newest.
CREATE OR REPLACE VIEW quality_bases AS
SELECT r.run_id, e.run_id AS earlier_run, e.place
FROM runs r
CROSS JOIN LATERAL (
    SELECT b.run_id, row_number() OVER (ORDER BY b.started_at DESC, b.run_id) AS place
    FROM runs b
    WHERE b.model = r.model AND b.source = r.source AND b.threshold = r.threshold
      AND b.class_thresholds = r.class_thresholds AND b.started_at < r.started_at
      AND EXISTS (SELECT FROM quality_profiles p WHERE p.run_id = b.run_id)
) e;

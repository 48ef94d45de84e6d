-- Floor and threshold apart: everything from the floor up is stored, and thresholds decide later what becomes a draft.
-- There is one prediction for each content and model version; its floor and the kind's revision say how it was made.

ALTER TABLE models ADD COLUMN floor real;  -- null: half of the threshold, or what the settings say

ALTER TABLE runs ADD COLUMN threshold real;
ALTER TABLE runs ADD COLUMN class_thresholds jsonb;  -- class id -> score where it differs
ALTER TABLE runs ADD COLUMN floor real;              -- of what the run itself inferred
UPDATE runs SET threshold = (spec ->> 'threshold')::real, class_thresholds = coalesce(spec -> 'class_thresholds', '{}');
UPDATE runs SET floor = greatest(
    threshold, (SELECT max(value::real) FROM jsonb_each_text(class_thresholds)));  -- complete from here up, in every class
ALTER TABLE runs ALTER threshold SET NOT NULL, ALTER class_thresholds SET NOT NULL, ALTER floor SET NOT NULL;

ALTER TABLE outcomes ADD COLUMN drafts integer;  -- of the detections; null for release 0.1.0, where all of them were
ALTER TABLE quality_verdicts RENAME COLUMN detections TO drafts;

-- Whether a detection is a draft. PostgreSQL sorts NaN above all numbers; it is not a score.
CREATE FUNCTION reaches(score real, class_id integer, threshold real, class_thresholds jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN score >= coalesce((class_thresholds ->> class_id::text)::real, threshold) AND score <> 'NaN';

DROP VIEW run_drafts, current_drafts, run_detections, current_detections, current_predictions, class_statistics,
          run_predictions, all_detections, run_thresholds, run_images, run_statistics, quality_bases, quality_trend;

-- What was stored with a threshold counts as stored with that floor. Of several predictions for one content and model
-- version, which differ in their thresholds alone, the one that reaches down furthest stays and gets what it lacks.
CREATE TEMPORARY TABLE stored ON COMMIT DROP AS
SELECT p.sha256, p.model, p.settings_hash, r.threshold, r.class_thresholds, r.floor,
       row_number() OVER (PARTITION BY p.sha256, p.model ORDER BY r.floor, r.started_at DESC, r.run_id) AS place,
       count(*) OVER (PARTITION BY p.sha256, p.model) AS rivals
FROM predictions p
JOIN runs r USING (run_id);

ALTER TABLE predictions RENAME TO old_predictions;
ALTER INDEX predictions_pkey RENAME TO old_predictions_pkey;

CREATE TABLE predictions (
    sha256      text COLLATE "C" NOT NULL,
    model       text COLLATE "C" NOT NULL,
    floor       real NOT NULL,             -- every detection from this score up is here
    revision    integer NOT NULL,          -- of the model's kind: higher where it gives other detections than before
    run_id      text COLLATE "C" NOT NULL, -- the run and chunk that wrote it
    chunk       integer NOT NULL,
    orientation integer,                   -- EXIF, 1 to 8; null where nobody looked
    class_ids   integer[] NOT NULL,
    scores      real[] NOT NULL,           -- descending
    x1          real[] NOT NULL,           -- pixels of the stored image
    y1          real[] NOT NULL,
    x2          real[] NOT NULL,
    y2          real[] NOT NULL,
    polygons    jsonb                      -- [detection][part][ring][x, y, x, y, ...], the outer ring first, then holes
) WITH (toast_tuple_target = 8160);        -- floats do not compress: keep a hundred detections in the row itself

-- A part used to be one ring. Masks are pasted more exactly and keep their holes from revision 2 on.
CREATE FUNCTION pg_temp.ringed(polygons jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE RETURN (
    SELECT coalesce(jsonb_agg((
        SELECT coalesce(jsonb_agg(jsonb_build_array(part) ORDER BY p), '[]')
        FROM jsonb_array_elements(detection) WITH ORDINALITY AS parts (part, p)) ORDER BY d), '[]')
    FROM jsonb_array_elements(polygons) WITH ORDINALITY AS detections (detection, d)
    WHERE polygons IS NOT NULL);

INSERT INTO predictions
SELECT p.sha256, p.model, s.floor, CASE WHEN p.polygons IS NULL THEN 2 ELSE 1 END, p.run_id, p.chunk, NULL,
       p.class_ids, p.scores, p.x1, p.y1, p.x2, p.y2,
       CASE WHEN p.polygons IS NOT NULL THEN pg_temp.ringed(p.polygons) END
FROM old_predictions p
JOIN stored s USING (sha256, model, settings_hash)
WHERE s.place = 1;

-- What only rivals have, below the thresholds of the one that stays; and where each rival's detections are from now on.
CREATE TEMPORARY TABLE joined ON COMMIT DROP AS
WITH entries AS (
    SELECT s.sha256, s.model, s.settings_hash, s.place, u.number::integer AS number, u.class_id, u.score, u.x1, u.y1,
           u.x2, u.y2, pg_temp.ringed(p.polygons) -> (u.number - 1)::integer AS polygons
    FROM stored s
    JOIN old_predictions p USING (sha256, model, settings_hash)
    CROSS JOIN LATERAL unnest(p.class_ids, p.scores, p.x1, p.y1, p.x2, p.y2)
        WITH ORDINALITY AS u (class_id, score, x1, y1, x2, y2, number)
    WHERE s.rivals > 1
), wanted AS (
    SELECT DISTINCT ON (e.sha256, e.model, e.class_id, e.score, e.x1, e.y1, e.x2, e.y2)
           e.sha256, e.model, e.class_id, e.score, e.x1, e.y1, e.x2, e.y2, e.polygons, e.place, e.number
    FROM entries e
    JOIN stored s ON s.sha256 = e.sha256 AND s.model = e.model AND s.place = 1
    WHERE e.place = 1 OR NOT reaches(e.score, e.class_id, s.threshold, s.class_thresholds)
    ORDER BY e.sha256, e.model, e.class_id, e.score, e.x1, e.y1, e.x2, e.y2, e.place, e.number
), numbered AS (
    SELECT *, row_number() OVER (PARTITION BY sha256, model ORDER BY score DESC, place, number)::integer AS new_number
    FROM wanted
)
SELECT e.sha256, e.model, e.settings_hash, e.number, n.new_number, n.class_id, n.score, n.x1, n.y1, n.x2, n.y2,
       n.polygons
FROM entries e
JOIN numbered n ON n.sha256 = e.sha256 AND n.model = e.model AND n.class_id = e.class_id AND n.score = e.score
    AND n.x1 = e.x1 AND n.y1 = e.y1 AND n.x2 = e.x2 AND n.y2 = e.y2;

UPDATE predictions p
SET class_ids = n.class_ids, scores = n.scores, x1 = n.x1, y1 = n.y1, x2 = n.x2, y2 = n.y2,
    polygons = CASE WHEN p.polygons IS NOT NULL THEN n.polygons END
FROM (
    SELECT sha256, model, array_agg(class_id ORDER BY new_number) AS class_ids,
           array_agg(score ORDER BY new_number) AS scores, array_agg(x1 ORDER BY new_number) AS x1,
           array_agg(y1 ORDER BY new_number) AS y1, array_agg(x2 ORDER BY new_number) AS x2,
           array_agg(y2 ORDER BY new_number) AS y2, jsonb_agg(polygons ORDER BY new_number) AS polygons
    FROM (SELECT DISTINCT ON (sha256, model, new_number) * FROM joined ORDER BY sha256, model, new_number) AS each
    GROUP BY sha256, model
) n
WHERE p.sha256 = n.sha256 AND p.model = n.model;

UPDATE shape_ledger l
SET detections = ARRAY(
    SELECT coalesce(j.new_number, d.number)
    FROM unnest(l.detections) WITH ORDINALITY AS d (number, place)
    LEFT JOIN joined j ON j.sha256 = o.sha256 AND j.model = l.model AND j.settings_hash = l.settings_hash
        AND j.number = d.number
    ORDER BY d.place)
FROM outcomes o
WHERE o.run_id = l.run_id AND o.task = l.task AND o.frame = l.frame
  AND EXISTS (SELECT FROM joined j WHERE j.sha256 = o.sha256 AND j.model = l.model);

DROP TABLE old_predictions;
ALTER TABLE predictions ADD CONSTRAINT predictions_pkey PRIMARY KEY (sha256, model);

ALTER TABLE images DROP COLUMN settings_hash;  -- with sha256, `model` names the current prediction
ALTER TABLE runs DROP COLUMN settings_hash;
DROP VIEW published_shapes;
ALTER TABLE shape_ledger RENAME COLUMN settings_hash TO drafts_hash;  -- thresholds and revision

-- Boxes are the same in both revisions: what was published of them counts as published by this one. Both hashes are of
-- JSON as Python writes it (see Thresholds.digest); one that does not come out as stored is left as it is.
UPDATE shape_ledger l
SET drafts_hash = left(encode(sha256(convert_to(format('[%s, %s, 2]', r.spec ->> 'threshold', r.class_thresholds),
                                                'UTF8')), 'hex'), 12)
FROM runs r
WHERE r.run_id = l.run_id
  AND l.drafts_hash = left(encode(sha256(convert_to(format('[%s, %s]', r.spec ->> 'threshold', r.class_thresholds),
                                                    'UTF8')), 'hex'), 12)
  AND NOT EXISTS (SELECT FROM predictions p WHERE p.model = l.model AND p.polygons IS NOT NULL);

-- For people, and for other rooms --------------------------------------------------------------------------------------

-- Every prediction, one row per detection.
CREATE VIEW all_detections AS
SELECT p.sha256, p.model, p.floor, p.revision, p.run_id, p.chunk, u.number::integer AS number, u.class_id,
       c.name AS class, u.score, u.x1, u.y1, u.x2, u.y2, p.polygons -> (u.number - 1)::integer AS polygons
FROM predictions p
CROSS JOIN LATERAL unnest(p.class_ids, p.scores, p.x1, p.y1, p.x2, p.y2)
    WITH ORDINALITY AS u (class_id, score, x1, y1, x2, y2, number)
LEFT JOIN classes c ON c.model = p.model AND c.class_id = u.class_id;

-- The predictions behind a run's images, those known from earlier runs included: one row per image, with the run's
-- thresholds.
CREATE VIEW run_predictions AS
SELECT o.run_id, o.uri, o.outcome, o.sha256, o.width, o.height, o.task, o.frame, p.model, p.run_id AS inferred_by,
       p.floor, p.revision, p.orientation, r.threshold, r.class_thresholds, cardinality(p.scores) AS detections,
       p.class_ids, p.scores, p.x1, p.y1, p.x2, p.y2, p.polygons
FROM runs r
JOIN outcomes o ON o.run_id = r.run_id AND o.outcome IN ('ok', 'empty', 'known', 'duplicate')
JOIN predictions p ON p.sha256 = o.sha256 AND p.model = r.model;

-- The same, one row per detection; `shown` says which are drafts.
CREATE VIEW run_detections AS
SELECT r.run_id, r.uri, r.outcome, r.sha256, r.width, r.height, r.task, r.frame, r.model, r.inferred_by,
       u.number::integer AS number, u.class_id, c.name AS class, u.score,
       reaches(u.score, u.class_id, r.threshold, r.class_thresholds) AS shown, u.x1, u.y1, u.x2, u.y2,
       r.polygons -> (u.number - 1)::integer AS polygons
FROM run_predictions r
CROSS JOIN LATERAL unnest(r.class_ids, r.scores, r.x1, r.y1, r.x2, r.y2)
    WITH ORDINALITY AS u (class_id, score, x1, y1, x2, y2, number)
LEFT JOIN classes c ON c.model = r.model AND c.class_id = u.class_id;

-- One row per draft.
CREATE VIEW run_drafts AS SELECT * FROM run_detections WHERE shown;

-- The current prediction of each image, with the thresholds of the newest run that saw it. One row per image.
CREATE VIEW current_predictions AS
SELECT i.uri, i.sha256, i.width, i.height, i.task, i.frame, i.model, i.run_id, i.seen_at, p.floor, p.revision,
       p.orientation, r.threshold, r.class_thresholds, cardinality(p.scores) AS detections, p.class_ids, p.scores, p.x1,
       p.y1, p.x2, p.y2, p.polygons
FROM images i
JOIN predictions p USING (sha256, model)
JOIN runs r ON r.run_id = i.run_id;

-- The same, one row per detection; `shown` says which are drafts.
CREATE VIEW current_detections AS
SELECT i.uri, i.sha256, i.width, i.height, i.task, i.frame, i.model, i.run_id, u.number::integer AS number, u.class_id,
       c.name AS class, u.score, reaches(u.score, u.class_id, i.threshold, i.class_thresholds) AS shown, u.x1, u.y1,
       u.x2, u.y2, i.polygons -> (u.number - 1)::integer AS polygons
FROM current_predictions i
CROSS JOIN LATERAL unnest(i.class_ids, i.scores, i.x1, i.y1, i.x2, i.y2)
    WITH ORDINALITY AS u (class_id, score, x1, y1, x2, y2, number)
LEFT JOIN classes c ON c.model = i.model AND c.class_id = u.class_id;

-- One row per draft.
CREATE VIEW current_drafts AS SELECT * FROM current_detections WHERE shown;

-- What a run is made of.
CREATE VIEW run_images AS
SELECT run_id, uri, chunk, outcome, detections, coalesce(drafts, detections) AS drafts, sha256, width, height, task,
       frame, reason, brightness
FROM outcomes;

CREATE VIEW run_statistics AS
SELECT r.run_id, r.state, r.model, r.images_uri, r.started_at, r.finished_at,
       count(o.uri) AS images,
       count(*) FILTER (WHERE o.outcome = 'ok') AS ok,
       count(*) FILTER (WHERE o.outcome = 'empty') AS empty,
       count(*) FILTER (WHERE o.outcome = 'unreadable') AS unreadable,
       count(*) FILTER (WHERE o.outcome = 'missing') AS missing,
       count(*) FILTER (WHERE o.outcome = 'known') AS known,
       count(*) FILTER (WHERE o.outcome = 'duplicate') AS duplicate,
       count(*) FILTER (WHERE o.outcome = 'failed') AS failed,
       coalesce(sum(o.detections), 0) AS detections,
       coalesce(sum(o.drafts), 0) AS drafts
FROM runs r
LEFT JOIN run_images o ON o.run_id = r.run_id
GROUP BY r.run_id;

CREATE VIEW run_thresholds AS
SELECT run_id, threshold, class_thresholds, floor FROM runs;

-- The drafts that each run itself found, a row for each run and class; what it knew from earlier runs is not counted
-- again.
CREATE VIEW class_statistics AS
SELECT s.run_id, s.model, s.class_id, c.name AS class, s.drafts, s.images, s.mean_score, s.min_score, s.max_score
FROM (
    SELECT r.run_id, r.model, u.class_id, sum(u.drafts)::bigint AS drafts, count(*) AS images,
           (sum(u.total) / sum(u.drafts))::real AS mean_score, min(u.least) AS min_score, max(u.most) AS max_score
    FROM run_predictions r
    CROSS JOIN LATERAL (
        SELECT class_id, count(*) AS drafts, sum(score) AS total, min(score) AS least, max(score) AS most
        FROM unnest(r.class_ids, r.scores) AS d (class_id, score)
        WHERE reaches(score, class_id, r.threshold, r.class_thresholds)
        GROUP BY class_id
    ) u
    WHERE r.outcome = 'ok'
    GROUP BY r.run_id, r.model, u.class_id
) s
LEFT JOIN classes c ON c.model = s.model AND c.class_id = s.class_id;

-- Which earlier runs a run is compared with: the same model with the same thresholds, place 1 is the newest.
CREATE VIEW quality_bases AS
SELECT r.run_id, e.run_id AS earlier_run, e.place
FROM runs r
CROSS JOIN LATERAL (
    SELECT b.run_id, row_number() OVER (ORDER BY b.started_at DESC, b.run_id) AS place
    FROM runs b
    WHERE b.model = r.model AND b.threshold = r.threshold AND b.class_thresholds = r.class_thresholds
      AND b.started_at < r.started_at
      AND EXISTS (SELECT FROM quality_profiles p WHERE p.run_id = b.run_id)
) e;

-- For people: one row per run, so that quality over weeks is a query.
CREATE VIEW quality_trend AS
SELECT r.run_id, r.started_at, r.model, r.state, v.verdict, v.images, v.drafts, v.drift,
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

-- One row per shape that we drew and that CVAT has.
CREATE VIEW published_shapes AS
SELECT l.server, l.task, l.frame, s.shape_id, s.detection, l.model, l.drafts_hash, l.run_id, l.state
FROM shape_ledger l
CROSS JOIN LATERAL unnest(l.shape_ids, l.detections) AS s (shape_id, detection)
WHERE s.shape_id IS NOT NULL;

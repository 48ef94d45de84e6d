-- What a night adds is proportional to what is new: see decision 0025.

-- The runs of one model version over the same images, but for those that reprocess.
CREATE TABLE series (
    series   serial PRIMARY KEY,
    source   text NOT NULL,                    -- the images' address in the spelling of runs.source
    model    text COLLATE "C" NOT NULL REFERENCES models,
    listings integer NOT NULL DEFAULT 1,       -- number of the last one
    UNIQUE (source, model)
);

-- The listing in which a run's catalogue was merged, and how many of its images have a standing outcome.
CREATE TABLE listings (
    run_id     text COLLATE "C" PRIMARY KEY REFERENCES runs ON DELETE CASCADE,
    series     integer NOT NULL REFERENCES series,
    listing    integer NOT NULL,               -- 1, 2, … within the series, in the order in which catalogues were merged
    known      integer NOT NULL,
    unreadable integer NOT NULL,
    missing    integer NOT NULL,
    UNIQUE (series, listing)
);

-- What a series' catalogues decide, written when it changes: a row holds for the listings since <= n < until. That an
-- image is known is written by the merge that infers it, for the listings that come after.
CREATE TABLE standing_outcomes (
    series  integer NOT NULL,
    uri     text COLLATE "C" NOT NULL,
    since   integer NOT NULL,
    until   integer NOT NULL DEFAULT 2147483647,  -- that is, it holds still: so there is one such row per image
    outcome text NOT NULL CHECK (outcome IN ('known', 'unreadable', 'missing')),
    sha256  text COLLATE "C",
    width   integer,
    height  integer,
    task    integer,
    frame   integer,
    reason  text,
    PRIMARY KEY (series, uri, until)
);
-- Who asks for what is wrong does not read all that is known.
CREATE INDEX standing_faults ON standing_outcomes (series) WHERE outcome <> 'known';

-- Each night asks of each content whether it is known: the index alone answers, without a page of predictions.
ALTER TABLE predictions DROP CONSTRAINT predictions_pkey;
ALTER TABLE predictions ADD CONSTRAINT predictions_pkey PRIMARY KEY (sha256, model) INCLUDE (floor);

-- What a run is made of: its own rows, and what stood in its listing. The outcome is a constant in the second part, so
-- that whoever asks for other outcomes does not read it at all. As a CASE, the planner takes half of a series for what
-- stands in a listing; by two comparisons, a ninth, which leads to plans for far fewer rows than there are.
CREATE OR REPLACE VIEW run_images AS
SELECT run_id, uri, chunk, outcome, detections, coalesce(drafts, detections) AS drafts, sha256, width, height, task,
       frame, reason, brightness
FROM outcomes
UNION ALL
SELECT l.run_id, s.uri, NULL, 'known', 0, 0, s.sha256, s.width, s.height, s.task, s.frame, s.reason, NULL
FROM listings l
JOIN standing_outcomes s
    ON s.series = l.series AND CASE WHEN s.since <= l.listing THEN s.until > l.listing ELSE false END
WHERE s.outcome = 'known' AND NOT EXISTS (SELECT FROM outcomes o WHERE o.run_id = l.run_id AND o.uri = s.uri)
UNION ALL
SELECT l.run_id, s.uri, NULL, s.outcome, 0, 0, s.sha256, s.width, s.height, s.task, s.frame, s.reason, NULL
FROM listings l
JOIN standing_outcomes s
    ON s.series = l.series AND CASE WHEN s.since <= l.listing THEN s.until > l.listing ELSE false END
WHERE s.outcome <> 'known' AND NOT EXISTS (SELECT FROM outcomes o WHERE o.run_id = l.run_id AND o.uri = s.uri);

-- A run's images counted, without reading what is known. An outcome may have two rows, which add up.
CREATE VIEW run_outcomes AS
SELECT run_id, outcome, count(*) AS images, sum(detections)::bigint AS detections,
       sum(coalesce(drafts, detections))::bigint AS drafts
FROM outcomes
GROUP BY run_id, outcome
UNION ALL
SELECT l.run_id, c.outcome, c.images, 0, 0
FROM listings l
CROSS JOIN LATERAL (VALUES ('known', l.known), ('unreadable', l.unreadable), ('missing', l.missing))
    AS c (outcome, images)
WHERE c.images > 0;

CREATE OR REPLACE VIEW run_predictions AS
SELECT o.run_id, o.uri, o.outcome, o.sha256, o.width, o.height, o.task, o.frame, p.model, p.run_id AS inferred_by,
       p.floor, p.revision, p.orientation, r.threshold, r.class_thresholds, cardinality(p.scores) AS detections,
       p.class_ids, p.scores, p.x1, p.y1, p.x2, p.y2, p.polygons
FROM runs r
JOIN run_images o ON o.run_id = r.run_id AND o.outcome IN ('ok', 'empty', 'known', 'duplicate')
JOIN predictions p ON p.sha256 = o.sha256 AND p.model = r.model;

CREATE OR REPLACE VIEW run_statistics AS
SELECT r.run_id, r.state, r.model, r.images_uri, r.started_at, r.finished_at,
       coalesce(sum(o.images), 0)::bigint AS images,
       coalesce(sum(o.images) FILTER (WHERE o.outcome = 'ok'), 0)::bigint AS ok,
       coalesce(sum(o.images) FILTER (WHERE o.outcome = 'empty'), 0)::bigint AS empty,
       coalesce(sum(o.images) FILTER (WHERE o.outcome = 'unreadable'), 0)::bigint AS unreadable,
       coalesce(sum(o.images) FILTER (WHERE o.outcome = 'missing'), 0)::bigint AS missing,
       coalesce(sum(o.images) FILTER (WHERE o.outcome = 'known'), 0)::bigint AS known,
       coalesce(sum(o.images) FILTER (WHERE o.outcome = 'duplicate'), 0)::bigint AS duplicate,
       coalesce(sum(o.images) FILTER (WHERE o.outcome = 'failed'), 0)::bigint AS failed,
       coalesce(sum(o.detections), 0)::bigint AS detections,
       coalesce(sum(o.drafts), 0)::bigint AS drafts
FROM runs r
LEFT JOIN run_outcomes o ON o.run_id = r.run_id
GROUP BY r.run_id;

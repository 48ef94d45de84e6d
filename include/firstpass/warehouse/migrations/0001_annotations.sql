-- The annotation warehouse: what was seen, what ran, what was found.
--
-- The big tables (images, outcomes, detections) carry one index each and no foreign keys: a merge writes them with COPY,
-- and each further index or key check costs a third of its speed. Keys compare as bytes (COLLATE "C"): no locale knows an
-- order of hashes and URIs that is worth its price.

CREATE TABLE models (
    model      text COLLATE "C" PRIMARY KEY,  -- name@version
    name       text NOT NULL,
    version    text NOT NULL,
    kind       text NOT NULL,
    source     text NOT NULL,
    threshold  real NOT NULL,
    admitted   boolean NOT NULL,
    reasons    jsonb NOT NULL,            -- the sentences of a refusal
    options    jsonb,                     -- model.yaml's settings
    decided_at timestamptz NOT NULL
);

CREATE TABLE classes (
    model    text COLLATE "C" NOT NULL REFERENCES models ON DELETE CASCADE,
    class_id integer NOT NULL,            -- what the network emits
    name     text NOT NULL,
    PRIMARY KEY (model, class_id)
);

CREATE TABLE runs (
    run_id        text COLLATE "C" PRIMARY KEY,  -- Airflow's
    model         text COLLATE "C" NOT NULL REFERENCES models,
    settings_hash text COLLATE "C" NOT NULL,
    images_uri    text NOT NULL,
    spec          jsonb NOT NULL,         -- run.json
    state         text NOT NULL CHECK (state IN ('running', 'success', 'partial', 'failed')),
    stages        jsonb NOT NULL,         -- stage -> seconds
    started_at    timestamptz NOT NULL,
    finished_at   timestamptz
);
CREATE INDEX runs_by_time ON runs (started_at);

CREATE TABLE chunks (
    run_id     text COLLATE "C" NOT NULL REFERENCES runs ON DELETE CASCADE,
    chunk      integer NOT NULL,          -- 0-based within the run
    state      text NOT NULL CHECK (state IN ('planned', 'merged', 'failed')),
    images     integer,
    detections integer,
    seconds    real,                      -- inside inference
    marker     jsonb,                     -- the done-marker as inference left it
    reason     text,                      -- why it failed
    changed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (run_id, chunk)
);

-- Where each image was last seen, with which content, and which prediction is its current draft.
CREATE TABLE images (
    uri           text COLLATE "C" PRIMARY KEY,
    sha256        text COLLATE "C",       -- of the bytes; null when they could not be read
    etag          text NOT NULL,
    size          bigint NOT NULL,        -- bytes
    width         integer,                -- pixels as stored
    height        integer,
    task          integer,                -- CVAT's
    frame         integer,
    model         text COLLATE "C",       -- with sha256: the current draft, null when there is none
    settings_hash text COLLATE "C",
    run_id        text COLLATE "C" NOT NULL,  -- the newest run that had an outcome for it
    seen_at       timestamptz NOT NULL    -- that run's start
);

-- One row an image and run: images in = outcomes out.
CREATE TABLE outcomes (
    run_id     text COLLATE "C" NOT NULL,
    uri        text COLLATE "C" NOT NULL,
    chunk      integer,                   -- null when the catalogue decided it
    outcome    text NOT NULL,
    detections integer NOT NULL,          -- found by this run: 0 unless outcome is ok
    sha256     text COLLATE "C",
    width      integer,
    height     integer,
    task       integer,
    frame      integer,
    reason     text,
    PRIMARY KEY (run_id, uri)
);
-- Duplicates in object storage, until their content has been read: nearly always empty.
CREATE INDEX outcomes_without_content ON outcomes (run_id) WHERE outcome = 'duplicate' AND sha256 IS NULL;

-- One row a prediction, whose identity is (image content, model version, inference settings); its detections lie in
-- parallel arrays, in descending order of score. Empty arrays: inferred, and nothing found.
CREATE TABLE detections (
    sha256        text COLLATE "C" NOT NULL,
    model         text COLLATE "C" NOT NULL,
    settings_hash text COLLATE "C" NOT NULL,
    run_id        text COLLATE "C" NOT NULL,  -- the run and chunk that wrote it
    chunk         integer NOT NULL,
    class_ids     integer[] NOT NULL,
    scores        real[] NOT NULL,
    x1            real[] NOT NULL,        -- pixels of the stored image
    y1            real[] NOT NULL,
    x2            real[] NOT NULL,
    y2            real[] NOT NULL,
    polygons      jsonb,                  -- [detection][part][x, y, x, y, ...]; null for a network without masks
    PRIMARY KEY (sha256, model, settings_hash)
) WITH (toast_tuple_target = 8160);       -- floats do not compress: keep a hundred detections in the row itself

-- For people -----------------------------------------------------------------------------------------------------------

-- Every prediction, one row a detection.
CREATE VIEW draft_detections AS
SELECT d.sha256, d.model, d.settings_hash, d.run_id, d.chunk, u.number::integer AS number, u.class_id, c.name AS class,
       u.score, u.x1, u.y1, u.x2, u.y2, d.polygons -> (u.number - 1)::integer AS polygons
FROM detections d
CROSS JOIN LATERAL unnest(d.class_ids, d.scores, d.x1, d.y1, d.x2, d.y2)
    WITH ORDINALITY AS u (class_id, score, x1, y1, x2, y2, number)
LEFT JOIN classes c ON c.model = d.model AND c.class_id = u.class_id;

-- The predictions behind a run's images, those known from earlier runs included: one row an image.
CREATE VIEW run_drafts AS
SELECT o.run_id, o.uri, o.outcome, o.sha256, o.width, o.height, o.task, o.frame, d.model, d.settings_hash,
       d.run_id AS inferred_by, cardinality(d.scores) AS detections, d.class_ids, d.scores, d.x1, d.y1, d.x2, d.y2,
       d.polygons
FROM runs r
JOIN outcomes o ON o.run_id = r.run_id AND o.outcome IN ('ok', 'empty', 'known', 'duplicate')
JOIN detections d ON d.sha256 = o.sha256 AND d.model = r.model AND d.settings_hash = r.settings_hash;

-- The same, one row a detection.
CREATE VIEW run_detections AS
SELECT r.run_id, r.uri, r.outcome, r.sha256, r.width, r.height, r.task, r.frame, r.model, r.inferred_by,
       u.number::integer AS number, u.class_id, c.name AS class, u.score, u.x1, u.y1, u.x2, u.y2,
       r.polygons -> (u.number - 1)::integer AS polygons
FROM run_drafts r
CROSS JOIN LATERAL unnest(r.class_ids, r.scores, r.x1, r.y1, r.x2, r.y2)
    WITH ORDINALITY AS u (class_id, score, x1, y1, x2, y2, number)
LEFT JOIN classes c ON c.model = r.model AND c.class_id = u.class_id;

-- The current draft of each image: what the newest run that saw it predicts. One row an image.
CREATE VIEW current_drafts AS
SELECT i.uri, i.sha256, i.width, i.height, i.task, i.frame, i.model, i.settings_hash, i.run_id, i.seen_at,
       cardinality(d.scores) AS detections, d.class_ids, d.scores, d.x1, d.y1, d.x2, d.y2, d.polygons
FROM images i
JOIN detections d USING (sha256, model, settings_hash);

-- The same, one row a detection.
CREATE VIEW current_detections AS
SELECT i.uri, i.sha256, i.width, i.height, i.task, i.frame, i.model, i.run_id, u.number::integer AS number, u.class_id,
       c.name AS class, u.score, u.x1, u.y1, u.x2, u.y2, i.polygons -> (u.number - 1)::integer AS polygons
FROM current_drafts i
CROSS JOIN LATERAL unnest(i.class_ids, i.scores, i.x1, i.y1, i.x2, i.y2)
    WITH ORDINALITY AS u (class_id, score, x1, y1, x2, y2, number)
LEFT JOIN classes c ON c.model = i.model AND c.class_id = u.class_id;

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
       coalesce(sum(o.detections), 0) AS detections
FROM runs r
LEFT JOIN outcomes o ON o.run_id = r.run_id
GROUP BY r.run_id;

-- What each run itself found, a row a run and class; what it knew from earlier runs is not counted again.
CREATE VIEW class_statistics AS
SELECT s.run_id, s.model, s.class_id, c.name AS class, s.detections, s.images, s.mean_score, s.min_score, s.max_score
FROM (
    SELECT r.run_id, r.model, u.class_id, sum(u.detections)::bigint AS detections, count(*) AS images,
           (sum(u.total) / sum(u.detections))::real AS mean_score, min(u.least) AS min_score, max(u.most) AS max_score
    FROM run_drafts r
    CROSS JOIN LATERAL (
        SELECT class_id, count(*) AS detections, sum(score) AS total, min(score) AS least, max(score) AS most
        FROM unnest(r.class_ids, r.scores) AS d (class_id, score)
        GROUP BY class_id
    ) u
    WHERE r.outcome = 'ok'
    GROUP BY r.run_id, r.model, u.class_id
) s
LEFT JOIN classes c ON c.model = s.model AND c.class_id = s.class_id;

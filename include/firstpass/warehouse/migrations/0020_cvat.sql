-- What was drafted in CVAT: the ledger that makes publishing exactly-once, and what people said about mappings.

-- One row a run and task: how its publishing went.
CREATE TABLE publications (
    run_id     text NOT NULL,
    server     text NOT NULL,             -- https://cvat.example.org
    task       integer NOT NULL,
    task_name  text NOT NULL,
    scope      text NOT NULL,             -- project/3 or task/12: what a reviewed mapping is remembered under
    model      text NOT NULL,
    state      text NOT NULL CHECK (state IN ('running', 'published', 'waiting', 'refused', 'failed', 'withdrawn')),
    reason     text,                      -- why it waits, was refused or failed
    mapping    jsonb NOT NULL,            -- the table of decisions
    counts     jsonb NOT NULL,            -- frames, shapes, and why others were left alone
    changed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (run_id, server, task)
);

-- The ledger. One row a frame and prediction, its shapes in parallel arrays. It is written before anything is sent:
--   sending   `sent` holds what goes out; a shape without id may or may not have arrived
--   drafted   everything arrived; a shape that the server dropped has no id
--   removing  these shapes are being taken away again
--   kept      taken away but for these, which a person had edited or deleted: the frame is theirs now
CREATE TABLE drafts (
    server        text NOT NULL,
    task          integer NOT NULL,
    frame         integer NOT NULL,
    model         text NOT NULL,          -- name@version
    settings_hash text NOT NULL,
    run_id        text NOT NULL,
    state         text NOT NULL CHECK (state IN ('sending', 'drafted', 'removing', 'kept')),
    detections    integer[] NOT NULL,     -- number within the image, from 1
    shape_ids     bigint[] NOT NULL,      -- CVAT's
    fingerprints  bigint[] NOT NULL,      -- a shape whose fingerprint differs was edited
    sent          json,                   -- written and read as a whole, for moments
    unsure        boolean NOT NULL DEFAULT false,  -- a request about it got lost: it may arrive yet
    changed_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (server, task, frame, model, settings_hash)
);
ALTER TABLE drafts ALTER sent SET STORAGE EXTERNAL;
CREATE INDEX drafts_by_run ON drafts (run_id);

-- What a person said in review_mapping, asked once for each project (or task without one) and model version.
CREATE TABLE label_mappings (
    server      text NOT NULL,
    scope       text NOT NULL,
    model       text NOT NULL,
    state       text NOT NULL CHECK (state IN ('asked', 'approved', 'rejected')),
    proposal    jsonb NOT NULL,           -- the table of decisions as it was shown
    labels      jsonb NOT NULL,           -- the names to choose from
    answer      jsonb,                    -- class name -> label name or "ignore"
    answered_by text,
    changed_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (server, scope, model)
);

-- For people: one row a shape that we drew and that CVAT has.
CREATE VIEW published_shapes AS
SELECT d.server, d.task, d.frame, s.shape_id, s.detection, d.model, d.settings_hash, d.run_id, d.state
FROM drafts d
CROSS JOIN LATERAL unnest(d.shape_ids, d.detections) AS s (shape_id, detection)
WHERE s.shape_id IS NOT NULL;

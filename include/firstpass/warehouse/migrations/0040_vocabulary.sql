-- One word, one meaning. A prediction is what a model gave for one image content, as one row with arrays; a detection is one
-- of its entries; a draft is a detection that is shown to people; a shape is what lies in CVAT.

ALTER TABLE detections RENAME TO predictions;
ALTER INDEX detections_pkey RENAME TO predictions_pkey;

-- Every prediction, one row per detection.
ALTER VIEW draft_detections RENAME TO all_detections;

-- One row per image: the predictions behind a run's images, and the current prediction of each image.
ALTER VIEW run_drafts RENAME TO run_predictions;
ALTER VIEW current_drafts RENAME TO current_predictions;

-- One row per draft.
CREATE VIEW run_drafts AS SELECT * FROM run_detections;
CREATE VIEW current_drafts AS SELECT * FROM current_detections;

-- What a run is made of, for whoever asks about one run: other rooms read these and no table.
CREATE VIEW run_images AS
SELECT run_id, uri, chunk, outcome, detections, sha256, width, height, task, frame, reason, brightness FROM outcomes;

CREATE VIEW run_chunks AS
SELECT run_id, chunk, state, images, detections, seconds, marker, reason FROM chunks;

CREATE VIEW run_classes AS
SELECT r.run_id, c.class_id, c.name FROM runs r JOIN classes c ON c.model = r.model;

CREATE VIEW run_thresholds AS
SELECT run_id, (spec ->> 'threshold')::real AS threshold, spec -> 'class_thresholds' AS class_thresholds FROM runs;

-- The ledger of shapes. It is written before anything is sent:
--   sending   `outgoing` holds what goes out; a shape without id may or may not have arrived
--   published everything arrived; a shape that the server dropped has no id
--   removing  the shapes with the ids in `removing` are being taken away again
--   kept      taken away but for these, which a person had edited or deleted: the frame is theirs now
ALTER TABLE drafts RENAME TO shape_ledger;
ALTER INDEX drafts_pkey RENAME TO shape_ledger_pkey;
ALTER INDEX drafts_by_run RENAME TO shape_ledger_by_run;
ALTER TABLE shape_ledger RENAME COLUMN sent TO outgoing;
ALTER TABLE shape_ledger ADD COLUMN removing bigint[];
ALTER TABLE shape_ledger DROP CONSTRAINT drafts_state_check;
UPDATE shape_ledger
SET removing = CASE WHEN state = 'removing' THEN ARRAY(SELECT json_array_elements_text(outgoing)::bigint) END,
    outgoing = CASE WHEN state = 'removing' THEN NULL ELSE outgoing END,
    state = CASE state WHEN 'drafted' THEN 'published' ELSE state END;
ALTER TABLE shape_ledger
    ADD CONSTRAINT shape_ledger_state_check CHECK (state IN ('sending', 'published', 'removing', 'kept'));

-- A chunk that never finished is merged as far as it came.

ALTER TABLE chunks DROP CONSTRAINT chunks_state_check;
ALTER TABLE chunks ADD CONSTRAINT chunks_state_check CHECK (state IN ('planned', 'merged', 'partial', 'failed'));

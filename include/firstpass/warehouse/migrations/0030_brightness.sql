-- How bright each image was when a run read it. Null for earlier runs, and for what a run did not decode.
ALTER TABLE outcomes ADD COLUMN brightness real;  -- mean luma, 0..255

-- One row per image that could be read. A column is null where all is well and holds the image's name where it is not.
-- Brightness is known of images that this run decoded; the others are as they were when a run did.
SELECT CASE WHEN least(o.width, o.height) < {min_side} THEN o.uri END AS image_too_small,
       CASE WHEN o.brightness < {min_brightness} THEN o.uri END AS image_nearly_black,
       o.brightness IS NOT NULL AS has_brightness
FROM run_images o
WHERE o.run_id = {run_id} AND o.width IS NOT NULL

-- One row per image with a detection that this run inferred, or that it knows from a run that was not checked: what is
-- published was looked at once. A column is null where all is well and holds the image's name where it is not.
-- What must be right of everything that is stored is looked at from the floor up; what people would see, among the drafts.
-- Comparisons are written so that a NaN, which sorts above every number in PostgreSQL, counts as wrong.
SELECT CASE WHEN NOT f.inside THEN i.uri END AS box_outside_image,
       CASE WHEN NOT f.area THEN i.uri END AS box_without_area,
       CASE WHEN NOT f.score_range THEN i.uri END AS score_outside_range,
       CASE WHEN NOT f.above_floor THEN i.uri END AS score_below_floor,
       CASE WHEN NOT i.class_ids <@ t.ids THEN i.uri END AS class_not_in_table,
       CASE WHEN f.drafts > {max_boxes} THEN i.uri END AS too_many_boxes,
       f.drafts > 0 AS has_drafts,
       f.drafts > 1 AS has_several_drafts,
       CASE WHEN f.drafts > 1 AND EXISTS (
           WITH drafts AS MATERIALIZED (
               SELECT *
               FROM unnest(i.class_ids, i.scores, i.x1, i.y1, i.x2, i.y2)
                   WITH ORDINALITY AS d (class_id, score, x1, y1, x2, y2, number)
               WHERE reaches(d.score, d.class_id, i.threshold, i.class_thresholds)
           )
           SELECT
           FROM drafts a
           JOIN drafts b ON b.class_id = a.class_id AND b.number > a.number
           CROSS JOIN LATERAL (
               SELECT greatest(0, least(a.x2, b.x2) - greatest(a.x1, b.x1))
                    * greatest(0, least(a.y2, b.y2) - greatest(a.y1, b.y1)) AS shared
           ) s
           WHERE s.shared > {max_overlap} * ((a.x2 - a.x1) * (a.y2 - a.y1) + (b.x2 - b.x1) * (b.y2 - b.y1) - s.shared)
       ) THEN i.uri END AS boxes_overlap
FROM (
    SELECT coalesce(array_agg(c.class_id), '{{}}') AS ids FROM run_classes c WHERE c.run_id = {run_id}
) t
JOIN run_predictions i ON i.run_id = {run_id} AND i.detections > 0 AND (
    i.outcome IN ('ok', 'empty')
    OR i.outcome = 'known' AND i.inferred_by NOT IN (SELECT c.run_id FROM checked_runs c))
CROSS JOIN LATERAL (
    SELECT coalesce(bool_and(d.x1 >= -0.01 AND d.y1 >= -0.01 AND d.x2 <= i.width + 0.01 AND d.y2 <= i.height + 0.01), true)
               AS inside,
           coalesce(bool_and(d.x2 > d.x1 AND d.y2 > d.y1), true) AS area,
           coalesce(bool_and(d.score BETWEEN 0 AND 1), true) AS score_range,
           coalesce(bool_and(d.score >= i.floor), true) AS above_floor,
           count(*) FILTER (WHERE reaches(d.score, d.class_id, i.threshold, i.class_thresholds)) AS drafts
    FROM unnest(i.class_ids, i.scores, i.x1, i.y1, i.x2, i.y2) AS d (class_id, score, x1, y1, x2, y2)
) f

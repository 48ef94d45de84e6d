-- One row an image that this run inferred with masks. A column is null where all is well and holds the image's name where it
-- is not. Crossing edges take time that grows with the square of a polygon's points, so they are sought in the first {max_polygons}
-- detections, in order of content hash, which is as good as at random; the other rules look at every polygon.
SELECT CASE WHEN NOT f.present THEN i.uri END AS polygon_missing,
       CASE WHEN NOT f.shaped THEN i.uri END AS polygon_broken,
       CASE WHEN NOT f.inside THEN i.uri END AS polygon_outside_image,
       CASE WHEN f.crossing THEN i.uri END AS polygon_crosses_itself
FROM (
    SELECT *, sum(detections) OVER (ORDER BY sha256, uri) <= {max_polygons} AS sought
    FROM run_drafts
    WHERE run_id = {run_id} AND outcome = 'ok' AND polygons IS NOT NULL
) AS i
CROSS JOIN LATERAL (
    SELECT bool_and(parts.shape <> '[]') AS present,
           coalesce(bool_and(coalesce(p.shaped, true)), true) AS shaped,
           coalesce(bool_and(coalesce(p.inside, true)), true) AS inside,
           coalesce(bool_or(p.crossing), false) AS crossing
    FROM jsonb_array_elements(i.polygons) AS parts (shape)
    LEFT JOIN LATERAL (
        SELECT cardinality(v.numbers) >= 6 AND mod(cardinality(v.numbers), 2) = 0 AS shaped,
               NOT EXISTS (
                   SELECT FROM unnest(v.numbers) WITH ORDINALITY AS u (number, place)
                   WHERE NOT u.number BETWEEN -0.01 AND CASE mod(place, 2) WHEN 1 THEN i.width ELSE i.height END + 0.01
               ) AS inside,
               i.sought AND EXISTS (
                   SELECT
                   FROM generate_series(1, cardinality(v.numbers) / 2 - 2) AS a
                   CROSS JOIN LATERAL generate_series(a + 2, cardinality(v.numbers) / 2 - (a = 1)::integer) AS b
                   WHERE lseg(point(v.numbers[2 * a - 1], v.numbers[2 * a]), point(v.numbers[2 * a + 1], v.numbers[2 * a + 2]))
                      ?# lseg(point(v.numbers[2 * b - 1], v.numbers[2 * b]),
                              point(coalesce(v.numbers[2 * b + 1], v.numbers[1]), coalesce(v.numbers[2 * b + 2], v.numbers[2])))
               ) AS crossing
        FROM jsonb_array_elements(parts.shape) AS part (flat)
        CROSS JOIN LATERAL (
            SELECT ARRAY(SELECT n::float8 FROM jsonb_array_elements_text(part.flat) AS n) AS numbers
        ) AS v
    ) AS p ON true
) AS f

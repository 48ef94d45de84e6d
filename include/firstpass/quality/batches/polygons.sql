-- One row per image with masks that this run inferred, or that it knows from a run that was not checked. A column is null
-- where all is well and holds the image's name where it is not. Crossing edges take time that grows with the square of a polygon's points, so they are sought in the
-- first {max_polygons} detections only, in order of content hash, which is as good as at random.
SELECT CASE WHEN NOT f.present THEN i.uri END AS polygon_missing,
       CASE WHEN NOT f.shaped THEN i.uri END AS polygon_broken,
       CASE WHEN NOT f.inside THEN i.uri END AS polygon_outside_image,
       CASE WHEN f.crossing THEN i.uri END AS polygon_crosses_itself
FROM (
    SELECT *, sum(detections) OVER (ORDER BY sha256, uri) <= {max_polygons} AS sought
    FROM run_predictions
    WHERE run_id = {run_id} AND detections > 0 AND polygons IS NOT NULL AND (
        outcome IN ('ok', 'empty')
        OR outcome = 'known' AND inferred_by NOT IN (SELECT c.run_id FROM checked_runs c))
) AS i
CROSS JOIN LATERAL (
    SELECT bool_and(shape.parts <> '[]') AS present,
           bool_and(n.shaped) IS NOT false AS shaped,
           -- PostgreSQL reads "x, y, x, y, ..." as a polygon.
           bool_and(CASE WHEN n.shaped THEN box(btrim(ring.flat::text, '[]')::polygon)
                         <@ box(point(-0.01, -0.01), point(i.width + 0.01, i.height + 0.01)) END) IS NOT false AS inside,
           bool_or(CASE WHEN i.sought AND n.shaped THEN EXISTS (
               SELECT
               FROM (
                   SELECT ARRAY(
                       SELECT lseg(point(v[2 * p - 1], v[2 * p]),
                                   point(coalesce(v[2 * p + 1], v[1]), coalesce(v[2 * p + 2], v[2])))
                       FROM generate_series(1, cardinality(v) / 2) AS p
                   ) AS edges
                   FROM (SELECT ARRAY(SELECT x::float8 FROM jsonb_array_elements(ring.flat) AS x) AS v OFFSET 0) AS flat
                   OFFSET 0  -- once per ring, not once per pair of edges
               ) AS outline
               CROSS JOIN LATERAL generate_series(1, cardinality(edges) - 2) AS a
               WHERE edges[a] ?# ANY (edges[a + 2 : cardinality(edges) - (a = 1)::integer])
           ) END) AS crossing
    FROM jsonb_array_elements(i.polygons) AS shape (parts)
    LEFT JOIN LATERAL jsonb_array_elements(shape.parts) AS part (rings) ON true
    LEFT JOIN LATERAL jsonb_array_elements(part.rings) AS ring (flat) ON true
    LEFT JOIN LATERAL (
        SELECT jsonb_array_length(ring.flat) >= 6 AND mod(jsonb_array_length(ring.flat), 2) = 0
               AND NOT ring.flat @> 'null' AS shaped  -- a coordinate that is no number is kept as null
    ) AS n ON ring.flat IS NOT NULL
) AS f

-- One row per class of the run's model. A column is null where all is well and holds what is wrong where it is not.
SELECT CASE WHEN trim(c.name) = '' THEN 'id ' || c.class_id END AS class_unnamed,
       CASE WHEN count(*) OVER (PARTITION BY c.name) > 1 THEN c.name || ' (id ' || c.class_id || ')' END AS class_repeated
FROM run_classes c
WHERE c.run_id = {run_id}

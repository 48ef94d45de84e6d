"""What the DAGs do: one module per DAG, one function per task. None imports Airflow: the DAG files wire them."""

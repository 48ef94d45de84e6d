"""What touches Airflow: wiring of DAGs, its connections, its pod operator, its REST API."""

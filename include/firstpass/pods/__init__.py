"""The Kubernetes engine: a chunk as a pod. Everything else of it is Airflow's and Kubernetes' own."""

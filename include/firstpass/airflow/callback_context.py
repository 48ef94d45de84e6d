"""What Airflow hands to a callback: a task's context, a DAG's or a deadline's. They differ."""

from __future__ import annotations

from typing import Any


def run_id_of(context: dict[str, Any]) -> str:
    """The run's id; empty where the context has none."""
    run = context.get("dag_run")
    found = context.get("run_id") or (run.get("dag_run_id") or run.get("run_id") if isinstance(run, dict) else None)
    return str(found or getattr(run, "run_id", ""))

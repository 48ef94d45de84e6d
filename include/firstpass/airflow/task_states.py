"""How the other tasks of a run have ended, asked of Airflow by one of its tasks."""

from __future__ import annotations

from typing import Any


def other_tasks(context: dict[str, Any]) -> dict[str, str | None]:
    """Task → state, without the one that asks; None for one that is yet to be scheduled.

    A mapped task has an entry for each of its instances, as `infer_3`.
    """
    ti = context["ti"]
    states = ti.get_task_states(ti.dag_id, run_ids=[ti.run_id]).get(ti.run_id, {})
    return {name: state and str(getattr(state, "value", state)) for name, state in states.items() if name != ti.task_id}

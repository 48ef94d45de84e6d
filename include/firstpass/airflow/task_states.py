"""How other tasks and runs have ended, asked of Airflow by one of its tasks."""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice
from typing import Any

_BATCH = 100  # ids a question: they travel in an address, whose length is limited


def other_tasks(context: dict[str, Any]) -> dict[str, str | None]:
    """Task → state, without the one that asks; None for one that is yet to be scheduled.

    A mapped task has an entry for each of its instances, as `infer_3`.
    """
    ti = context["ti"]
    states = ti.get_task_states(ti.dag_id, run_ids=[ti.run_id]).get(ti.run_id, {})
    return {name: state and str(getattr(state, "value", state)) for name, state in states.items() if name != ti.task_id}


def unfinished(context: dict[str, Any], dag_id: str, run_ids: Collection[str]) -> set[str]:
    """Those of a DAG's runs that are queued or running. Where none is, as nearly always, a question per hundred."""
    ti, states = context["ti"], ["queued", "running"]
    found: set[str] = set()
    ids = iter(run_ids)
    while batch := list(islice(ids, _BATCH)):
        if ti.get_dr_count(dag_id=dag_id, run_ids=batch, states=states):
            found.update(run for run in batch if ti.get_dr_count(dag_id=dag_id, run_ids=[run], states=states))
    return found

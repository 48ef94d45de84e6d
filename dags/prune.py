"""
## Keep the installation small

Removes what has become old, at FIRSTPASS_PRUNE_SCHEDULE. How long each kind is kept, the settings FIRSTPASS_KEEP_… say.
`firstpass prune --dry-run` says what would go, and why something stays.

| task | what it removes |
|---|---|
| `prune_runs` | results, reports, Data Docs, the outcomes of old runs, and predictions that nobody uses |
| `prune_logs` | logs below Airflow's log folder |
| `prune_airflow` | Airflow's own records, with `airflow db clean`; skipped where no task may reach its database |

Never removed: a run in progress, the newest runs of each source, and what a current draft or an open publication rests
on. One that was killed is completed by the next.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

from airflow.sdk import DAG, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from firstpass.airflow.dag_wiring import RETRY_POLICY, at, with_patience
from firstpass.settings import settings
from firstpass.waiting import patiently

with DAG(
    dag_id="prune",
    doc_md=__doc__,
    description="Remove old results, reports, runs, logs and records of Airflow.",
    schedule=at(settings().prune_schedule) if settings().prune_schedule else None,
    catchup=False,
    max_active_runs=1,
    tags=["firstpass", "operations"],
    default_args={
        "owner": "firstpass",
        "retries": 2,
        "retry_delay": timedelta(minutes=5),
        "retry_policy": RETRY_POLICY,
        "execution_timeout": with_patience(timedelta(hours=2)),
    },
    dagrun_timeout=with_patience(timedelta(hours=6), waits=3),
):

    @task
    def prune_runs() -> list[dict[str, Any]]:
        from firstpass.airflow.task_states import unfinished
        from firstpass.nightly import prune

        found = patiently(prune.prune_runs, partial(unfinished, get_current_context()))
        prune.raise_failures(found)
        return [kind.to_json() for kind in found]

    @task
    def prune_logs() -> dict[str, Any]:
        import os

        from firstpass.airflow.task_states import unfinished
        from firstpass.nightly import prune
        from firstpass.stack.airflow_metadata import log_folder

        asked = partial(unfinished, get_current_context())
        pruned = patiently(prune.prune_logs, log_folder(os.environ), asked)
        prune.raise_failures([pruned])
        return pruned.to_json()

    @task
    def prune_airflow() -> dict[str, Any]:
        from firstpass.nightly import prune
        from firstpass.stack.airflow_metadata import Runs, task_environment

        environment = task_environment()
        unended = patiently(Runs(environment or {}).oldest_unfinished)
        pruned = patiently(prune.prune_airflow, environment, unended)
        if pruned.note:
            raise AirflowSkipException(pruned.note)
        return pruned.to_json()

    prune_runs()
    prune_logs()
    prune_airflow()

"""What Airflow alone knows of a run that failed: that a task was killed, or ran out of time, and left no word.

For the failure callback of a night's DAG, which is called however the run ended: also where its last task, which says
the same from a worker, could not run.
"""

from __future__ import annotations

import logging
from contextlib import closing
from typing import Any

from firstpass.airflow.callback_context import run_id_of
from firstpass.contracts.run_error import RunError
from firstpass.settings import settings

log = logging.getLogger("firstpass")


def record_failure(context: dict[str, Any]) -> None:
    """Close the run as failed in the warehouse if nothing else did; record it where it is not even there.

    Never raises: a warehouse that is away is logged.
    """
    from firstpass.warehouse.connection import connect
    from firstpass.warehouse.migration import migrate
    from firstpass.warehouse.run_failures import record_lost_run

    run_id = run_id_of(context)
    try:
        with closing(connect(patience=5)) as conn:
            migrate(conn)
            record_lost_run(conn, run_id, RunError.load(run_id) or _guess(context), asked_of(context))
    except Exception as error:  # a callback that raises would keep the others from being called
        log.error("run %s could not be recorded as failed: %s", run_id, error)


def _guess(context: dict[str, Any]) -> RunError:
    task = str(getattr(context.get("ti"), "task_id", "") or "")
    if context.get("reason") == "timed_out":
        fix = "see what took so long in the logs of its tasks, then clear what has not ended: what is finished is kept"
        return RunError(task, "the run took longer than a run may, and was ended", fix)
    return RunError.killed(task)


def asked_of(context: dict[str, Any]) -> dict[str, Any]:
    """The run's parameters as far as the context tells them, else as the settings have them."""
    conf = getattr(context.get("dag_run"), "conf", None) or {}
    usual = {"images": settings().images, "model": settings().model}
    return usual | dict(conf) | dict(context.get("params") or {})

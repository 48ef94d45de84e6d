"""The last word on a run: whether it is complete, however it ended."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any

from psycopg2.extensions import connection

from firstpass.contracts.run_error import RunError
from firstpass.errors import FirstpassError
from firstpass.warehouse import run_failures
from firstpass.warehouse.connection import connect
from firstpass.warehouse.migration import migrate
from firstpass.warehouse.undone import undone

log = logging.getLogger("firstpass")

_ENDED = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})
_CHUNKS = ("infer", "infer_in_pod")


def confirm_complete(run_id: str, asked: dict[str, Any], task_states: Callable[[], Mapping[str, str | None]]) -> None:
    """Close the run as failed if no task of it could, and raise what keeps it from being complete.

    asked: the run's parameters, `images` and `model` among them. task_states: task → Airflow's state, those of the
    other tasks; of a mapped task one for each chunk, as `infer_3`. Raises FirstpassError for a run that failed, with
    its reason, and for one that left images undone, naming the first. Changes nothing, and raises, while another task
    has not ended: somebody cleared it, and this one too early.
    """
    states = task_states()
    if going := sorted(name for name, state in states.items() if state not in _ENDED):
        raise FirstpassError(
            f"the run is under way again: {', '.join(going[:3])}", "clear this task when the others have ended"
        )
    with closing(connect()) as conn:
        migrate(conn)
        run_failures.record_lost_run(conn, run_id, _lost(conn, run_id, states), asked)
        if failure := run_failures.failure_of(conn, run_id):
            where = f"{failure.stage}: " if failure.stage else ""
            raise FirstpassError(f"the run failed. {where}{failure.problem}", failure.fix)
        if error := undone(conn, run_id).error:
            raise error
    log.info("Run %s is complete", run_id)


def _lost(conn: connection, run_id: str, states: Mapping[str, str | None]) -> RunError:
    """Why a run whose tasks have all ended is not closed: its task was killed, or somebody ended it in Airflow."""
    stage = run_failures.stage_under_way(conn, run_id) or next(
        (name for name, state in states.items() if state == "failed" and not name.startswith(_CHUNKS)), ""
    )
    if not stage:
        return RunError("", "its tasks were marked as done in Airflow before it was", "clear them, or run it again")
    return RunError.load(run_id) or RunError.killed(stage)

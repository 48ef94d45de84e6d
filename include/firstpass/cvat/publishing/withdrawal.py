"""Removing a run's shapes from CVAT."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from psycopg2.extensions import connection

from firstpass.cvat.publishing.ledger import Key, Ledger, LedgerState, keys_by_task
from firstpass.cvat.publishing.publications import mark_withdrawn
from firstpass.cvat.publishing.recovery import recover
from firstpass.cvat.publishing.removal import remove
from firstpass.cvat.publishing.sending import ShapeSender
from firstpass.cvat.publishing.task_shapes import TaskShapes
from firstpass.cvat.server.client import Cvat, Gone, cvat
from firstpass.cvat.server.labels import Label, attribute_defaults
from firstpass.warehouse.connection import connect
from firstpass.warehouse.outcomes import frames_of
from firstpass.warehouse.runs import RunRecord, load_run


def withdraw_run(run_id: str) -> dict[str, Any]:
    """Remove the run's shapes that nobody edited, in all tasks of this server. Returns removed, kept and tasks.

    A run's shapes are those of its model and settings on its frames, whichever run it was that sent them.
    """
    server = cvat()
    host = server.connection.host
    with closing(connect()) as conn:
        run = load_run(conn, run_id)
        found = _keys_of(conn, run, host)
        totals = {"removed": 0, "kept": 0}
        for number, keys in found.items():
            ledger = Ledger(conn, host, number)
            with ledger.turn():
                try:
                    removed, kept = _withdraw(server, ledger, number, keys)
                except Gone:  # the task went, and our shapes with it
                    ledger.forget([entry for entry in ledger.entries() if entry.key in keys])
                    removed = kept = 0
            totals["removed"] += removed
            totals["kept"] += kept
            mark_withdrawn(conn, run.run_id, host, number)
        return {"run_id": run.run_id, "tasks": list(found), **totals}


def _keys_of(conn: connection, run: RunRecord, host: str) -> dict[int, set[Key]]:
    """Task → keys (frame, model, settings) of the run's shapes in the ledger."""
    frames = frames_of(conn, run.run_id)
    found: dict[int, set[Key]] = {}
    for task, key, sent_by in keys_by_task(conn, host, run.model, run.settings_hash):
        if sent_by == run.run_id or (task, key[0]) in frames:
            found.setdefault(task, set()).add(key)
    return found


def _withdraw(server: Cvat, ledger: Ledger, number: int, keys: set[Key]) -> tuple[int, int]:
    labels = [Label.from_api(raw) for raw in server.pages("/api/labels", task_id=number)]
    task = TaskShapes(server, ledger, number, attribute_defaults(labels))
    recover(task, ShapeSender(task), lambda entry: entry.key in keys)
    published = [e for e in task.entries.values() if e.key in keys and e.state is LedgerState.PUBLISHED]
    kept = remove(task, published)
    return task.removed, kept

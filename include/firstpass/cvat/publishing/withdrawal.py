"""Removing a run's shapes from CVAT."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import closing
from typing import Any

from psycopg2.extensions import connection

from firstpass.cvat.publishing.ledger import Key, Ledger, LedgerEntry, LedgerState, keys_by_task
from firstpass.cvat.publishing.publications import mark_withdrawn
from firstpass.cvat.publishing.recovery import recover
from firstpass.cvat.publishing.removal import remove
from firstpass.cvat.publishing.sending import ShapeSender
from firstpass.cvat.publishing.task_shapes import TaskShapes
from firstpass.cvat.server.client import Cvat, Gone, cvat
from firstpass.cvat.server.labels import Label, attribute_defaults
from firstpass.warehouse.connection import connect
from firstpass.warehouse.predictions import frame_revisions
from firstpass.warehouse.runs import RunRecord, load_run

_MACHINES = ("auto", "semi-auto")  # sources of what a machine drew, and of what a person edited of it


def withdraw_run(run_id: str) -> dict[str, Any]:
    """Remove the run's shapes that nobody edited, in all tasks of this server. Returns tasks, removed, kept and gone.

    A run's shapes are those that it sent, and those of its model and thresholds on its frames, whichever run sent them.
    kept: those that stay because somebody edited them; gone: those that somebody else removed. Each shape is counted
    once. Where another client saved a job anew, which gives all its shapes other ids, equal ones are removed too.
    """
    server = cvat()
    host = server.connection.host
    with closing(connect()) as conn:
        run = load_run(conn, run_id)
        found = _keys_of(conn, run, host)
        totals = Counter(removed=0, kept=0, gone=0)
        for number, keys in found.items():
            ledger = Ledger(conn, host, number)
            with ledger.turn():
                try:
                    totals.update(_withdraw(server, ledger, number, keys))
                except Gone:  # the task went, and our shapes with it
                    entries = [entry for entry in ledger.entries() if entry.key in keys]
                    totals["gone"] += _ids(entries)
                    ledger.forget(entries)
            mark_withdrawn(conn, run.run_id, host, number)
        return {"run_id": run.run_id, "tasks": list(found), **totals}


def _keys_of(conn: connection, run: RunRecord, host: str) -> dict[int, set[Key]]:
    """Task → keys of the run's shapes in the ledger: what it sent itself, by whatever threshold, and what it would."""
    digest = run.thresholds.digest
    own = {(task, (frame, run.model, digest(revision))) for task, frame, revision in frame_revisions(conn, run.run_id)}
    found: dict[int, set[Key]] = {}
    for task, key, sent_by in keys_by_task(conn, host, run.model):
        if sent_by == run.run_id or (task, key) in own:
            found.setdefault(task, set()).add(key)
    return found


def _withdraw(server: Cvat, ledger: Ledger, number: int, keys: set[Key]) -> dict[str, int]:
    labels = [Label.from_api(raw) for raw in server.pages("/api/labels", task_id=number)]
    task = TaskShapes(server, ledger, number, attribute_defaults(labels))
    begun = {
        e.key: _ids([e]) for e in _among(task, keys) if e.state is LedgerState.REMOVING
    }  # by a try that was killed
    recover(task, ShapeSender(task), lambda entry: entry.key in keys)
    entries = _among(task, keys)
    published = {entry.key: _ids([entry]) for entry in entries} | begun
    newest = {entry.key: max(entry.ids, default=0) for entry in entries if _is_rewritten(entry, task)}
    task.claim_renewed(entries)
    remove(task, entries)
    kept = sum(shape_id in task.snapshot.shapes for entry in entries for shape_id in entry.ids)
    kept += _edited_anew(task, entries, newest)
    gone = _ids(entries) - kept
    return {"removed": sum(published.values()) - kept - gone, "kept": kept, "gone": gone}


def _is_rewritten(entry: LedgerEntry, task: TaskShapes) -> bool:
    """Whether none of its ids is left: somebody deleted all of its shapes, or saved the whole job anew."""
    return not any(shape_id in task.snapshot.shapes for shape_id in entry.ids)


def _edited_anew(task: TaskShapes, entries: Iterable[LedgerEntry], newest: Mapping[Key, int]) -> int:
    """How many shapes were edited and saved under other ids, as far as can be told.

    newest: the greatest id that each rewritten entry had. What a machine drew on its frame, got a greater id and is no
    shape of ours is taken for one of those that are missing.
    """
    ours = {shape_id for entry in task.entries.values() for shape_id in entry.ids}
    strangers = [s for s in task.snapshot.shapes.values() if s.source in _MACHINES and s.id not in ours]
    found: set[int] = set()
    for entry in entries:
        if entry.key in newest:
            younger = [s.id for s in strangers if s.frame == entry.frame and s.id > newest[entry.key]]
            found.update([n for n in younger if n not in found][: _ids([entry])])
    return len(found)


def _among(task: TaskShapes, keys: set[Key]) -> list[LedgerEntry]:
    return [entry for entry in task.entries.values() if entry.key in keys]


def _ids(entries: Iterable[LedgerEntry]) -> int:
    """How many shapes of these arrived."""
    return sum(1 for entry in entries for _ in entry.ids)

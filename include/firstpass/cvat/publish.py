"""Publishing a run's drafts into the tasks that its frames came from, and taking them back."""

from __future__ import annotations

import logging
from contextlib import closing
from typing import Any

from psycopg2.extensions import connection

from firstpass.cvat import publications
from firstpass.cvat.client import Cvat, CvatDown, Gone, cvat
from firstpass.cvat.desk import Desk, drafted_by_newer, one_ahead, open_desk, pieces, quick_turns, replaced
from firstpass.cvat.ledger import Key, Ledger
from firstpass.cvat.mapping import Label, settle
from firstpass.cvat.predictions import Run, load_run
from firstpass.cvat.publications import Publication
from firstpass.cvat.reviews import ask
from firstpass.cvat.sending import Sender
from firstpass.cvat.snapshot import attribute_defaults, take_snapshot
from firstpass.errors import FirstpassError
from firstpass.settings import settings
from firstpass.warehouse.connection import connect
from firstpass.warehouse.runs import find_run

log = logging.getLogger("firstpass")


def publish_run(run_id: str, *, unmatched: str | None = None, unchecked: bool = False) -> dict[str, Any]:
    """Publish a run in all of its tasks, one after the other; see `publish_task`. Returns the summary.

    What goes wrong in one task is said there (`state`, `reason`) and stops no other.
    """
    with closing(connect()) as conn:
        run = load_run(conn, run_id, unchecked=unchecked)
        done = []
        for task in run.tasks:
            try:
                done.append(publish_task(conn, run, task, unmatched))
            except (FirstpassError, CvatDown) as error:
                log.error("task %d: %s", task, error.problem)
                done.append(Publication(run.id, cvat().connection.host, task, run.model, "failed", _reason(error)))
        return publications.summarise(run.id, done)


def publish_task(conn: connection, run: Run, number: int, unmatched: str | None = None) -> Publication:
    """Bring the run's drafts into one task, exactly once, whatever happened before.

    unmatched: the policy for classes without a label, the setting cvat_unmatched when None. Calling it again sends what
    is missing, which may be nothing. Two at once take turns. Never changes what a person drew, edited or deleted; what
    older versions of the same model left is replaced where nobody touched it. Raises FirstpassError or CvatDown, after
    writing down that it failed.
    """
    server = cvat()
    result = Publication(run.id, server.connection.host, number, run.model)
    ledger = Ledger(conn, server.connection.host, number)
    try:
        with ledger.turn():
            desk = open_desk(conn, server, run, number, result)
            if _may_go_on(conn, desk, unmatched or settings().cvat_unmatched):
                _publish(conn, server, ledger, desk)
    except (FirstpassError, CvatDown) as error:
        result.state, result.reason = "failed", _reason(error)
        publications.save(conn, result)
        raise
    publications.save(conn, result)
    log.info("task %d: %s, %d shapes on %d frames", number, result.state, result.shapes, result.frames)
    return result


def preview_run(run_id: str, *, unchecked: bool = True) -> dict[str, Any]:
    """What `publish_run` would do now: the same numbers, and the mapping's decisions. Sends and changes nothing."""
    server = cvat()
    with closing(connect()) as conn:
        run = load_run(conn, run_id, unchecked=unchecked)
        done = []
        for number in run.tasks:
            result = Publication(run.id, server.connection.host, number, run.model, "preview")
            desk = open_desk(conn, server, run, number, result)
            known = Ledger(conn, server.connection.host, number).drafts()
            snapshot = take_snapshot(server, number, desk.defaults, desk.segments)
            for one in desk.drafts(known, snapshot, drafted_by_newer(conn, run, known)):
                result.frames, result.shapes = result.frames + 1, result.shapes + len(one.ids)
            done.append(result)
        summary = publications.summarise(run.id, done)
        for entry, result in zip(summary["tasks"], done, strict=True):
            entry["mapping"] = [decision.to_json() for decision in result.decisions]
        return summary


def withdraw_run(run_id: str) -> dict[str, Any]:
    """Take away the run's drafts that nobody edited, in all tasks of this server. Returns removed, kept and tasks.

    A run's drafts are those of its model and settings on its frames, whichever run it was that sent them.
    """
    server = cvat()
    host = server.connection.host
    with closing(connect()) as conn:
        run_id = find_run(conn, run_id)
        found = _drafts_of(conn, run_id, host)
        totals = {"removed": 0, "kept": 0}
        for number, keys in found.items():
            ledger = Ledger(conn, host, number)
            with ledger.turn():
                try:
                    removed, kept = _withdraw(server, ledger, number, keys)
                except Gone:  # the task went, and our drafts with it
                    ledger.forget([d for d in ledger.drafts() if d.key in keys])
                    removed = kept = 0
            totals["removed"] += removed
            totals["kept"] += kept
            with conn, conn.cursor() as cur:
                cur.execute(
                    "UPDATE publications SET state = 'withdrawn', changed_at = now()"
                    " WHERE run_id = %s AND server = %s AND task = %s",
                    [run_id, host, number],
                )
        return {"run_id": run_id, "tasks": list(found), **totals}


def _reason(error: FirstpassError | CvatDown) -> str:
    return f"{error.problem}; {error.fix}"


def _may_go_on(conn: connection, desk: Desk, unmatched: str) -> bool:
    """Whether the mapping lets us publish; if a person is to be asked, the question is put down."""
    result = desk.result
    if desk.review and desk.review.state == "rejected":
        result.state, result.reason = "refused", "the mapping was rejected in review_mapping"
        return False
    if settle(result.decisions, unmatched, f"task {desk.task.id} ({desk.task.name})"):
        return True
    names = [label.name for label in desk.labels]
    ask(conn, result.server, result.scope, result.model, result.decisions, names)
    result.state, result.reason = "waiting", "a person is asked about the mapping in the DAG review_mapping"
    return False


def _publish(conn: connection, server: Cvat, ledger: Ledger, desk: Desk) -> None:
    result = desk.result
    sender = Sender(server, ledger, desk.task.id, desk.defaults, desk.segments)
    try:
        sender.recover(lambda draft: draft.key[1:] == desk.run.version)
        known = list(sender.drafts.values())
        newer = drafted_by_newer(conn, desk.run, known)
        with (
            quick_turns(),
            closing(desk.drafts(known, sender.snapshot, newer)) as drafts,
            closing(one_ahead(pieces(drafts))) as prepared,
            closing(one_ahead(map(sender.announce, prepared))) as announced,
        ):
            for piece in announced:
                sender.create(piece)
                result.frames += len(piece)
        result.kept = sender.remove(replaced(desk.run, sender.drafts.values(), newer))
        sender.finish()
    finally:
        sender.close()
        current = [d for d in sender.drafts.values() if d.key[1:] == desk.run.version]
        result.shapes, result.replaced = sender.shapes_sent, sender.shapes_removed
        result.lost = sum(len(d.missing) for d in current)
        result.shapes_in_task = sum(len(d.ids) for d in current) - result.lost
    result.state = "published"


def _drafts_of(conn: connection, run_id: str, host: str) -> dict[int, set[Key]]:
    """Task → keys (frame, model, settings) of the run's drafts in the ledger."""
    with conn, conn.cursor() as cur:
        cur.execute(
            "SELECT d.task, d.frame, d.model, d.settings_hash FROM drafts d JOIN runs r ON r.run_id = %s"
            " WHERE d.server = %s AND (d.model, d.settings_hash) = (r.model, r.settings_hash)"
            " AND (d.run_id = r.run_id OR EXISTS (SELECT FROM outcomes o"
            " WHERE o.run_id = r.run_id AND (o.task, o.frame) = (d.task, d.frame))) ORDER BY 1",
            [run_id, host],
        )
        found: dict[int, set[Key]] = {}
        for task, *key in cur:
            found.setdefault(task, set()).add(tuple(key))
        return found


def _withdraw(server: Cvat, ledger: Ledger, number: int, keys: set[Key]) -> tuple[int, int]:
    labels = [Label.from_api(raw) for raw in server.pages("/api/labels", task_id=number)]
    sender = Sender(server, ledger, number, attribute_defaults(labels))
    sender.recover(lambda draft: draft.key in keys)
    kept = sender.remove([d for d in sender.drafts.values() if d.key in keys and d.state == "drafted"])
    return sender.shapes_removed, kept

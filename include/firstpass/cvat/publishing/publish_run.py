"""Publishing a run's drafts into the tasks that its frames came from."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from psycopg2.extensions import connection

from firstpass.cvat.labels.mapping import settle
from firstpass.cvat.labels.reviews import ask
from firstpass.cvat.publishing import publications
from firstpass.cvat.publishing.finished_run import FinishedRun, load_finished_run
from firstpass.cvat.publishing.ledger import Ledger
from firstpass.cvat.publishing.plan import TaskPlan, make_plan, published_by_newer, replaced_entries
from firstpass.cvat.publishing.publications import Publication
from firstpass.cvat.publishing.recovery import last_look, recover
from firstpass.cvat.publishing.removal import remove
from firstpass.cvat.publishing.sending import ShapeSender, pieces
from firstpass.cvat.publishing.task_shapes import TaskShapes
from firstpass.cvat.server.client import Cvat, CvatDown, cvat
from firstpass.cvat.server.snapshot import take_snapshot
from firstpass.errors import FirstpassError
from firstpass.prefetch import prefetched
from firstpass.settings import settings
from firstpass.warehouse.connection import connect

log = logging.getLogger("firstpass")


def publish_run(
    run_id: str, *, unmatched: str | None = None, threshold: float | None = None, unchecked: bool = False
) -> dict[str, Any]:
    """Publish a run in all of its tasks, one after the other; see `publish_task`. Returns the summary.

    threshold: one for all classes in place of the run's own; shapes of other thresholds that nobody touched are
    replaced. Raises FirstpassError for one below what is stored, and as `load_finished_run` does. What goes wrong in
    one task is in its entry (`state`, `reason`) and stops no other.
    """
    with closing(connect()) as conn:
        run = load_finished_run(conn, run_id, threshold=threshold, unchecked=unchecked)
        done = []
        for task in run.tasks:
            try:
                done.append(publish_task(conn, run, task, unmatched))
            except (FirstpassError, CvatDown) as error:
                log.error("task %d: %s", task, error.problem)
                done.append(Publication(run.id, cvat().connection.host, task, run.model, "failed", _reason(error)))
        return publications.summarise(run.id, done)


def publish_task(conn: connection, run: FinishedRun, number: int, unmatched: str | None = None) -> Publication:
    """Put the run's drafts into one task, exactly once, whatever happened before.

    unmatched: the policy for classes without a label, the setting cvat_unmatched when None. Calling it again sends what
    is missing, which may be nothing. Two at once take turns. Never changes what a person drew, edited or deleted; what
    older versions of the same model left is replaced where nobody touched it. Raises FirstpassError or CvatDown, after
    writing down that it failed.
    """
    server = cvat()
    result = Publication(run.id, server.connection.host, number, run.model, threshold=run.thresholds.default)
    ledger = Ledger(conn, server.connection.host, number)
    try:
        with ledger.turn():
            plan = make_plan(conn, server, run, number, result)
            if _may_go_on(conn, plan, unmatched or settings().cvat_unmatched):
                _publish(conn, server, ledger, plan)
    except (FirstpassError, CvatDown) as error:
        result.state, result.reason = "failed", _reason(error)
        publications.save(conn, result)
        raise
    publications.save(conn, result)
    log.info("task %d: %s, %d shapes on %d frames", number, result.state, result.shapes, result.frames)
    return result


def preview_run(run_id: str, *, threshold: float | None = None, unchecked: bool = True) -> dict[str, Any]:
    """What `publish_run` would do now: the same numbers, and the mapping's decisions. Sends and changes nothing."""
    server = cvat()
    with closing(connect()) as conn:
        run = load_finished_run(conn, run_id, threshold=threshold, unchecked=unchecked)
        done = []
        for number in run.tasks:
            result = Publication(run.id, server.connection.host, number, run.model, "preview")
            plan = make_plan(conn, server, run, number, result)
            known = Ledger(conn, server.connection.host, number).entries()
            snapshot = take_snapshot(server, number, plan.defaults, plan.segments)
            for entry in plan.entries(known, snapshot, published_by_newer(conn, plan, known)):
                result.frames, result.shapes = result.frames + 1, result.shapes + len(entry.shapes)
            done.append(result)
        summary = publications.summarise(run.id, done)
        for each, result in zip(summary["tasks"], done, strict=True):
            each["mapping"] = [decision.to_json() for decision in result.decisions]
        return summary


def _reason(error: FirstpassError | CvatDown) -> str:
    return f"{error.problem}; {error.fix}"


def _may_go_on(conn: connection, plan: TaskPlan, unmatched: str) -> bool:
    """Whether the mapping lets us publish; if a person is to be asked, the question is put down."""
    result = plan.result
    if plan.review and plan.review.state == "rejected":
        result.state, result.reason = "refused", "the mapping was rejected in review_mapping"
        return False
    if settle(result.decisions, unmatched, f"task {plan.task.id} ({plan.task.name})"):
        return True
    names = [label.name for label in plan.labels]
    ask(conn, result.server, result.scope, result.model, result.decisions, names)
    result.state, result.reason = "waiting", "a person is asked about the mapping in the DAG review_mapping"
    return False


def _publish(conn: connection, server: Cvat, ledger: Ledger, plan: TaskPlan) -> None:
    result = plan.result
    task = TaskShapes(server, ledger, plan.task.id, plan.defaults, plan.segments)
    sender = ShapeSender(task)
    try:
        recover(task, sender, lambda entry: entry.key in plan.keys)
        known = list(task.entries.values())
        newer = published_by_newer(conn, plan, known)
        with (
            _quick_thread_switches(),
            closing(plan.entries(known, task.snapshot, newer)) as entries,
            closing(prefetched(pieces(entries))) as prepared,
            closing(prefetched(map(sender.announce, prepared))) as announced,
        ):
            for piece in announced:
                sender.create(piece)
                result.frames += len(piece)
        result.kept = remove(task, replaced_entries(plan, task.entries.values(), newer))
        last_look(task)
    finally:
        sender.close()
        current = [entry for entry in task.entries.values() if entry.key in plan.keys]
        result.shapes, result.replaced = sender.sent, task.removed
        result.lost = sum(len(entry.missing) for entry in current)
        result.shapes_in_task = sum(len(entry.shapes) for entry in current) - result.lost
    result.state = "published"


@contextmanager
def _quick_thread_switches() -> Iterator[None]:
    """Threads take turns ten times as often as by default: whoever gets an answer continues with it at once.

    The interval is the whole process's, which publishes and does nothing else meanwhile.
    """
    usual = sys.getswitchinterval()
    sys.setswitchinterval(usual / 10)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)

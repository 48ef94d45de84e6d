"""One function per task of the DAG `publish`. What passes between them are ids and counts."""

from __future__ import annotations

import logging
import re
from contextlib import closing
from typing import Any

from psycopg2.extensions import connection

from firstpass.cvat.labels import reviews
from firstpass.cvat.publishing import publications
from firstpass.cvat.publishing.finished_run import load_finished_run
from firstpass.cvat.publishing.publish_run import publish_run, publish_task
from firstpass.cvat.server.client import CvatDown, cvat
from firstpass.errors import FirstpassError, Unavailable
from firstpass.images.sources import draft_takers
from firstpass.outages import outage
from firstpass.report.build import build_report
from firstpass.warehouse.connection import connect
from firstpass.warehouse.runs import runs_to_publish

log = logging.getLogger("firstpass")

BATCHES = 200  # mapped tasks, at most: what Airflow schedules without noticeable cost


def publish_and_renew(
    run_id: str, *, unmatched: str | None = None, threshold: float | None = None, unchecked: bool = False
) -> dict[str, Any]:
    """`publish_run`, and the run's report again, now with links to its tasks. Returns the summary."""
    summary = publish_run(run_id, unmatched=unmatched, threshold=threshold, unchecked=unchecked)
    build_report(summary["run_id"])
    return summary


def find_work(run_id: str, *, unchecked: bool) -> list[dict[str, Any]]:
    """What is to be published: {"run_id", "tasks"} for each batch of a run's tasks, at most 200 in total.

    run_id empty: what finished runs of the last days were to publish and did not. A run that cannot be published is
    logged and skipped then; one that was named raises FirstpassError.
    """
    with closing(connect()) as conn:
        if run_id:
            run = load_finished_run(conn, run_id, unchecked=unchecked)
            pairs = [(run.id, task) for task in run.tasks]
        else:
            pairs = _unpublished(conn, unchecked)
    size = -(-len(pairs) // BATCHES) or 1
    work: dict[tuple[str, int], list[int]] = {}
    for index, (name, task) in enumerate(pairs):
        work.setdefault((name, index // size), []).append(task)
    log.info("%d runs, %d tasks", len({name for name, _ in pairs}), len(pairs))
    return [{"run_id": name, "tasks": tasks} for (name, _), tasks in work.items()]


def _unpublished(conn: connection, unchecked: bool) -> list[tuple[str, int]]:
    wanted = runs_to_publish(conn, draft_takers())
    if not wanted:  # then CVAT need not even be set up
        return []
    pairs = []
    for run_id, tasks in publications.unpublished(conn, cvat().connection.host, wanted).items():
        try:
            load_finished_run(conn, run_id, unchecked=unchecked)
        except Unavailable:
            raise
        except FirstpassError as error:
            log.warning("left out: %s", error.problem)
        else:
            pairs += [(run_id, task) for task in tasks]
    return pairs


def publish(run_id: str, tasks: list[int], unmatched: str | None, *, unchecked: bool) -> dict[str, int]:
    """Publish a run in these tasks. Returns counts of tasks by state, and of shapes.

    All are tried before the first error is raised: what may come back, which is waited for, before what may not.
    """
    counts = {"shapes": 0}
    errors: list[Exception] = []
    with closing(connect()) as conn:
        run = load_finished_run(conn, run_id, unchecked=unchecked)
        for task in tasks:
            try:
                done = publish_task(conn, run, task, unmatched)
            except (FirstpassError, CvatDown) as error:
                log.error("task %d: %s", task, error)
                errors.append(error)
            else:
                counts["shapes"] += done.shapes
                counts[done.state] = counts.get(done.state, 0) + 1
    for failure in sorted(errors, key=lambda failure: outage(failure) is None):
        raise failure
    return counts


def renew_reports(work: list[dict[str, Any]]) -> list[str]:
    """Write the reports of these runs again, with links to their tasks and with the mapping's decisions.

    Returns their URIs. `work` is what `find_work` gave.
    """
    return [build_report(run_id) for run_id in dict.fromkeys(item["run_id"] for item in work)]


def questions() -> list[dict[str, Any]]:
    """The open questions, as arguments of TriggerDagRunOperator: the same question gives the same run id."""
    with closing(connect()) as conn:
        found = reviews.open_reviews(conn)
    for review in found:
        log.info("waits for an answer: %s in %s", review.model, review.scope)
    return [
        {
            # The characters that Airflow allows in an id.
            "trigger_run_id": re.sub(r"[/@]", "-", f"{review.scope}-{review.model}-{review.asked_at:%Y%m%dT%H%M%S}"),
            "conf": {"scope": review.scope, "model": review.model},
        }
        for review in found
    ]

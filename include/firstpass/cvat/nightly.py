"""One function a task of the DAGs publish and review_mapping. What passes between them are ids and counts."""

from __future__ import annotations

import logging
import re
from contextlib import closing
from typing import Any

from psycopg2.extensions import connection

from firstpass.cvat import publications, reviews
from firstpass.cvat.client import CvatDown, cvat
from firstpass.cvat.predictions import load_run
from firstpass.cvat.publish import publish_task
from firstpass.cvat.reviews import Review
from firstpass.errors import FirstpassError
from firstpass.warehouse.connection import connect

log = logging.getLogger("firstpass")

_BATCHES = 200  # mapped tasks, at most: what Airflow schedules without noticeable cost


def find_work(run_id: str, *, unchecked: bool) -> list[dict[str, Any]]:
    """What is to be published: {"run_id", "tasks"} for each batch of a run's tasks, 200 in all at most.

    run_id empty: what finished runs of the last days were to publish and did not. A run that cannot be published is
    logged and passed over then; one that was named raises FirstpassError.
    """
    with closing(connect()) as conn:
        if run_id:
            run = load_run(conn, run_id, unchecked=unchecked)
            pairs = [(run.id, task) for task in run.tasks]
        else:
            pairs = _unpublished(conn, unchecked)
    size = -(-len(pairs) // _BATCHES) or 1
    work: dict[tuple[str, int], list[int]] = {}
    for index, (name, task) in enumerate(pairs):
        work.setdefault((name, index // size), []).append(task)
    log.info("%d runs, %d tasks", len({name for name, _ in pairs}), len(pairs))
    return [{"run_id": name, "tasks": tasks} for (name, _), tasks in work.items()]


def _unpublished(conn: connection, unchecked: bool) -> list[tuple[str, int]]:
    found = publications.unpublished(conn, cvat().connection.host)
    pairs = []
    for run_id, tasks in found.items():
        try:
            load_run(conn, run_id, unchecked=unchecked)
        except FirstpassError as error:
            log.warning("passed over: %s", error.problem)
        else:
            pairs += [(run_id, task) for task in tasks]
    return pairs


def publish(run_id: str, tasks: list[int], unmatched: str | None, *, unchecked: bool) -> dict[str, int]:
    """Publish a run in these tasks. Returns counts of tasks by state, and of shapes.

    All are tried before the first error is raised: CvatDown, which is worth another try, before FirstpassError.
    """
    counts = {"shapes": 0}
    errors: list[Exception] = []
    with closing(connect()) as conn:
        run = load_run(conn, run_id, unchecked=unchecked)
        for task in tasks:
            try:
                done = publish_task(conn, run, task, unmatched)
            except (FirstpassError, CvatDown) as error:
                log.error("task %d: %s", task, error)
                errors.append(error)
            else:
                counts["shapes"] += done.shapes
                counts[done.state] = counts.get(done.state, 0) + 1
    for failure in sorted(errors, key=lambda failure: isinstance(failure, FirstpassError)):
        raise failure
    return counts


def renew_reports(work: list[dict[str, Any]]) -> list[str]:
    """Write the reports of these runs again, with links to their tasks and with the mapping's decisions.

    Returns their URIs. `work` is what `find_work` gave.
    """
    from firstpass.quality.report import build_report  # plots and pictures take seconds to import

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


def proposal(scope: str, model: str) -> dict[str, str]:
    """The question as people see it: scope, model, and the decisions as a Markdown table."""
    review = _review(scope, model)
    rows = [
        f"| {_plain(row['class_name'])} | {_plain(row['label'] or '–')} | {_plain(row['reason'])} |"
        for row in sorted(review.proposal, key=lambda row: row["how"] != "unmatched")
    ]
    lines = [
        "Classes without a label come first; approving as it is leaves them out.",
        f"Labels to choose from: {', '.join(map(_plain, review.labels))}, ignore.",
        "",
        "| class | becomes | because |",
        "|---|---|---|",
        *rows,
    ]
    return {"scope": review.scope, "model": review.model, "table": "\n".join(lines)}


def record(scope: str, model: str, choice: str, changes: dict[str, str], by: str) -> list[dict[str, Any]]:
    """Keep an answer; returns the runs that waited for it, as arguments of TriggerDagRunOperator.

    Raises FirstpassError for changes that name a class or label that is not there: nothing is kept then.
    """
    review = _review(scope, model)
    with closing(connect()) as conn:
        if choice == "Later":
            reviews.postpone(conn, review)
            return []
        if choice == "Reject":
            reviews.reject(conn, review, by)
            log.info("%s rejected the mapping of %s in %s", by, model, scope)
            return []
        answer = reviews.approve(conn, review, changes if choice == "Approve with changes" else {}, by)
        log.info("%s approved the mapping of %s in %s: %s", by, model, scope, answer)
        waiting = publications.waiting_runs(conn, review.server, scope, model)
    return [{"conf": {"run_id": run_id}} for run_id in waiting]


def _review(scope: str, model: str) -> Review:
    """The question that was meant, of the server in cvat_default."""
    with closing(connect()) as conn:
        if scope and model:
            found = reviews.find_review(conn, cvat().connection.host, scope, model)
        else:
            found = next(iter(reviews.open_reviews(conn)), None)
    if found is None:
        raise FirstpassError(
            f"nobody asked about the mapping of {model or 'any model'} in {scope or 'any project'}",
            "publish with the policy ask first; it starts review_mapping itself",
        )
    return found


def _plain(text: str) -> str:
    """Text that Markdown takes for nothing else, whatever it is made of."""
    cleaned = " ".join(text.split())
    return "".join(f"\\{c}" if c in "\\`*_{}[]<>()#+-.!|~" else "&amp;" if c == "&" else c for c in cleaned)

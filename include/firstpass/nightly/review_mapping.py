"""One function per task of the DAG `review_mapping`. What passes between them are ids and counts."""

from __future__ import annotations

import logging
from contextlib import closing
from typing import Any

from firstpass.cvat.labels import reviews
from firstpass.cvat.labels.reviews import Review
from firstpass.cvat.publishing.publications import waiting_runs
from firstpass.cvat.server.client import cvat
from firstpass.errors import FirstpassError
from firstpass.warehouse.connection import connect

log = logging.getLogger("firstpass")


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
        waiting = waiting_runs(conn, review.server, scope, model)
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

"""Mappings that a person is asked about: proposed by publishing, answered in the DAG review_mapping, asked once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg2.extensions import connection
from psycopg2.extras import Json

from firstpass.cvat.labels.mapping import IGNORE, Decision
from firstpass.errors import FirstpassError

_SELECT = "SELECT server, scope, model, state, proposal, labels, answer, changed_at FROM label_mappings"
_AGAIN = "start review_mapping again and choose from what there is"


@dataclass(frozen=True, slots=True)
class Review:
    """One question. scope: project/3 or task/12. proposal: the table of decisions; labels: the names to choose from.

    state: asked, approved or rejected. answer: class name → label name or `ignore`, None until approved. asked_at: also
    when it was answered.
    """

    server: str
    scope: str
    model: str
    state: str
    proposal: list[dict[str, Any]]
    labels: list[str]
    answer: dict[str, str] | None
    asked_at: datetime


def find_review(conn: connection, server: str, scope: str, model: str) -> Review | None:
    """The question about this model in this project or task, if it was ever asked."""
    with conn, conn.cursor() as cur:
        cur.execute(_SELECT + " WHERE server = %s AND scope = %s AND model = %s", [server, scope, model])
        row = cur.fetchone()
    return Review(*row) if row else None


def open_reviews(conn: connection) -> list[Review]:
    """Those that wait for an answer, the oldest first."""
    with conn, conn.cursor() as cur:
        cur.execute(_SELECT + " WHERE state = 'asked' ORDER BY changed_at")
        return [Review(*row) for row in cur]


def ask(
    conn: connection, server: str, scope: str, model: str, decisions: Sequence[Decision], labels: list[str]
) -> None:
    """Ask, or ask again with what now is to be decided. The same question as before keeps its time."""
    with conn, conn.cursor() as cur:
        cur.execute(
            "INSERT INTO label_mappings (server, scope, model, state, proposal, labels)"
            " VALUES (%s, %s, %s, 'asked', %s, %s)"
            " ON CONFLICT (server, scope, model) DO UPDATE SET state = 'asked', proposal = excluded.proposal,"
            " labels = excluded.labels, changed_at = now()"
            " WHERE (label_mappings.state, label_mappings.proposal, label_mappings.labels)"
            " IS DISTINCT FROM ('asked', excluded.proposal, excluded.labels)",
            [server, scope, model, Json([d.to_json() for d in decisions]), Json(labels)],
        )


def approve(conn: connection, review: Review, changes: Mapping[str, str], by: str) -> dict[str, str]:
    """Take the proposal with these changes (class name → label name or `ignore`); what stays unmatched is ignored.

    Returns the answer. Raises FirstpassError for a class or label that does not exist: the form checks nothing.
    """
    classes = {row["class_name"]: row["label"] or IGNORE for row in review.proposal}
    for name, label in changes.items():
        if name not in classes:
            raise FirstpassError(f"the review names the class {name!r}, which {review.model} does not have", _AGAIN)
        if label != IGNORE and label not in review.labels:
            listed = ", ".join(review.labels[:20])
            raise FirstpassError(
                f"the review sends {name!r} to {label!r}, which is no label of {review.scope}", f"{_AGAIN}: {listed}"
            )
    answer = classes | dict(changes)
    _answer(conn, review, "approved", answer, by)
    return answer


def postpone(conn: connection, review: Review) -> None:
    """Put the same question again with the next publishing."""
    _answer(conn, review, "asked", None, "")


def reject(conn: connection, review: Review, by: str) -> None:
    """Publish nothing of this model here, until somebody approves or a newer version is asked about."""
    _answer(conn, review, "rejected", None, by)


def _answer(conn: connection, review: Review, state: str, answer: dict[str, str] | None, by: str) -> None:
    with conn, conn.cursor() as cur:
        cur.execute(
            "UPDATE label_mappings SET state = %s, answer = %s, answered_by = %s, changed_at = now()"
            " WHERE server = %s AND scope = %s AND model = %s",
            [state, Json(answer), by, review.server, review.scope, review.model],
        )

"""The mapping of one model onto one task: its labels, what people said about it, and what becomes of each class."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg2.extensions import connection

from firstpass.contracts.class_table import ClassTable
from firstpass.cvat.labels.aliases import read_rules
from firstpass.cvat.labels.mapping import Decision, map_labels
from firstpass.cvat.labels.reviews import Review, find_review
from firstpass.cvat.server.client import Cvat
from firstpass.cvat.server.labels import Label, read_labels
from firstpass.cvat.server.tasks import Task


@dataclass(frozen=True, slots=True)
class TaskMapping:
    """review: what a person was asked or said about it. decisions: one per class, in the order of the class table."""

    labels: list[Label]
    review: Review | None
    decisions: tuple[Decision, ...]


def read_mapping(
    conn: connection, server: Cvat, task: Task, model: str, classes: ClassTable, *, outlines: bool
) -> TaskMapping:
    """Map a model's classes to the labels of a task, by the labels file and what was approved in review_mapping.

    outlines: whether the model gives them. Does not apply the policy for what is unmatched. Raises FirstpassError for
    a task without labels and for rules that cannot be read.
    """
    labels = read_labels(server, task)
    review = find_review(conn, server.connection.host, task.scope, model)
    reviewed = review.answer if review and review.state == "approved" else None
    rules = read_rules(task, reviewed or {})
    return TaskMapping(labels, review, map_labels(classes, labels, rules, outlines=outlines))

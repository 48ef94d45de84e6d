"""The plan of one run in one task: labels mapped, frames chosen, shapes made. Reads CVAT, writes nothing."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property

from psycopg2.extensions import connection

from firstpass.contracts.prediction import Prediction
from firstpass.cvat.labels.aliases import read_rules
from firstpass.cvat.labels.mapping import Decision, map_labels
from firstpass.cvat.labels.reviews import Review, find_review
from firstpass.cvat.publishing.finished_run import FinishedRun
from firstpass.cvat.publishing.frame_policy import left_alone, person_groups
from firstpass.cvat.publishing.ledger import LedgerEntry, LedgerShape, LedgerState
from firstpass.cvat.publishing.publications import Publication
from firstpass.cvat.publishing.shapes import make_shapes
from firstpass.cvat.server.client import Cvat
from firstpass.cvat.server.labels import Label, attribute_defaults, read_labels
from firstpass.cvat.server.snapshot import Snapshot, fingerprint
from firstpass.cvat.server.tasks import Task, TaskMeta, read_jobs, read_meta, read_task
from firstpass.warehouse.connection import connect
from firstpass.warehouse.predictions import read_predictions
from firstpass.warehouse.runs import load_runs


@dataclass(frozen=True)
class TaskPlan:
    """Everything about one run in one task that does not change while it is published.

    segments: the frames of each job. closed: frame → why nothing may be published there, whatever lies on it. scores:
    whether the server keeps them. review: what a person was asked or said about the mapping. result: where it is
    counted what becomes of frames and detections.
    """

    run: FinishedRun
    task: Task
    meta: TaskMeta
    labels: list[Label]
    segments: tuple[range, ...]
    closed: dict[int, str]
    scores: bool
    review: Review | None
    result: Publication

    @cached_property
    def decisions(self) -> dict[int, Decision]:
        """Class id → what becomes of it."""
        return {decision.class_id: decision for decision in self.result.decisions}

    @cached_property
    def defaults(self) -> dict[int, str]:
        """Attribute id → default value."""
        return attribute_defaults(self.labels)

    def entries(self, known: Sequence[LedgerEntry], snapshot: Snapshot, newer: set[int]) -> Generator[LedgerEntry]:
        """A new entry for each frame that is to have one; all that is left alone or dropped is counted in `result`.

        known: the task's ledger. newer: frames that a newer version has. Predictions are read as entries are taken.
        """
        alone = dict.fromkeys(newer, "published by a newer version or run")
        alone |= left_alone(snapshot, known, self.run.policy) | self.closed
        alone |= {entry.frame: "published already" for entry in known if entry.key[1:] == self.run.version}
        self.result.left_alone.update(alone.values())
        groups = person_groups(snapshot)
        with closing(connect()) as conn:  # its own: the ledger's is busy meanwhile
            for prediction in read_predictions(conn, self.run.id, self.task.id):
                frame = prediction.frame
                if frame is None or frame >= len(self.meta.sizes):
                    self.result.left_alone["beyond the task's end"] += 1
                elif frame not in alone:
                    yield self._entry(prediction, frame, groups.get(frame, 0) + 1)

    def _entry(self, prediction: Prediction, frame: int, first_group: int) -> LedgerEntry:
        width, height = self.meta.sizes[frame].tolist()
        shapes = make_shapes(prediction, self.decisions, (width, height), first_group, self.result.dropped)
        if not self.scores:
            for _, shape in shapes:
                del shape["score"]
        return LedgerEntry(
            frame=frame,
            model=self.run.model,
            settings_hash=self.run.settings_hash,
            run_id=self.run.id,
            state=LedgerState.SENDING,
            shapes=[LedgerShape(number, fingerprint(shape, self.defaults), outgoing=shape) for number, shape in shapes],
        )


def make_plan(conn: connection, server: Cvat, run: FinishedRun, number: int, result: Publication) -> TaskPlan:
    """Read the task and map the model's classes to its labels; names and decisions go into `result`.

    Raises FirstpassError for a task that cannot be drafted and for rules that cannot be read. Does not apply the policy
    for what is unmatched.
    """
    task = read_task(server, number)
    result.task_name, result.scope = task.name, task.scope
    labels = read_labels(server, task)
    review = find_review(conn, server.connection.host, task.scope, run.model)
    reviewed = review.answer if review and review.state == "approved" else None
    rules = read_rules(task, reviewed or {})
    result.decisions = map_labels(run.classes, labels, rules, outlines=run.outlines)
    jobs = read_jobs(server, task)
    meta = read_meta(server, task)
    closed = ({} if run.policy == "all" else jobs.closed) | dict.fromkeys(meta.deleted, "deleted")
    return TaskPlan(run, task, meta, labels, jobs.segments, closed, server.keeps_scores, review, result)


def published_by_newer(conn: connection, run: FinishedRun, entries: Iterable[LedgerEntry]) -> set[int]:
    """Frames that a newer version of the model, or a later run with other settings, was published on already."""
    rivals = [e for e in entries if run.is_rival(e.model, e.settings_hash) and e.state is LedgerState.PUBLISHED]
    rank = {each.run_id: each.rank for each in load_runs(conn, {e.run_id for e in rivals})}
    return {e.frame for e in rivals if e.run_id in rank and rank[e.run_id] > run.rank}


def replaced_entries(run: FinishedRun, entries: Iterable[LedgerEntry], newer: set[int]) -> list[LedgerEntry]:
    """The entries of older versions on frames that now have this run's; those of newer versions stay."""
    published = [e for e in entries if e.state is LedgerState.PUBLISHED]
    done = {e.frame for e in published if e.key[1:] == run.version} - newer
    return [e for e in published if e.frame in done and run.is_rival(e.model, e.settings_hash)]

"""The plan of one run in one task: labels mapped, frames chosen, shapes made. Reads CVAT, writes nothing."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property

from psycopg2.extensions import connection

from firstpass.contracts.image_drafts import ImageDrafts
from firstpass.cvat.labels.mapping import Decision
from firstpass.cvat.labels.reviews import Review
from firstpass.cvat.labels.task_mapping import read_mapping
from firstpass.cvat.publishing.finished_run import FinishedRun
from firstpass.cvat.publishing.frame_policy import left_alone, person_groups
from firstpass.cvat.publishing.ledger import Key, LedgerEntry, LedgerShape, LedgerState
from firstpass.cvat.publishing.publications import Publication
from firstpass.cvat.publishing.shapes import make_shapes
from firstpass.cvat.server.client import Cvat
from firstpass.cvat.server.labels import Label, attribute_defaults
from firstpass.cvat.server.snapshot import Snapshot, fingerprint
from firstpass.cvat.server.tasks import Task, TaskMeta, read_jobs, read_meta, read_task
from firstpass.warehouse.connection import connect
from firstpass.warehouse.predictions import read_drafts
from firstpass.warehouse.runs import load_runs


@dataclass(frozen=True)
class TaskPlan:
    """Everything about one run in one task that does not change while it is published.

    keys: what the ledger knows the run's drafts by. segments: the frames of each job. closed: frame → why nothing may
    be published there, whatever lies on it. scores: whether the server keeps them. review: what a person was asked or
    said about the mapping. result: where it is counted what becomes of frames and drafts.
    """

    run: FinishedRun
    keys: frozenset[Key]
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

        known: the task's ledger. newer: frames that a newer version has. Drafts are read as entries are taken.
        """
        alone = dict.fromkeys(newer, "published by a newer version or run")
        alone |= left_alone(snapshot, known, self.run.policy) | self.closed
        alone |= {entry.frame: "published already" for entry in known if entry.key in self.keys}
        self.result.left_alone.update(alone.values())
        groups = person_groups(snapshot)
        with closing(connect()) as conn:  # its own: the ledger's is busy meanwhile
            for drafts in read_drafts(conn, self.run.id, self.run.thresholds, self.task.id):
                frame = drafts.frame
                if frame is None or frame >= len(self.meta.sizes):
                    self.result.left_alone["beyond the task's end"] += 1
                elif frame not in alone:
                    yield self._entry(drafts, frame, groups.get(frame, 0) + 1)

    def _entry(self, drafts: ImageDrafts, frame: int, first_group: int) -> LedgerEntry:
        width, height = self.meta.sizes[frame].tolist()
        shapes = make_shapes(drafts, self.decisions, (width, height), first_group, self.result)
        if not self.scores:
            for _, shape in shapes:
                del shape["score"]
        _, model, digest = self.run.key(frame, drafts.revision)
        return LedgerEntry(
            frame=frame,
            model=model,
            drafts_hash=digest,
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
    mapping = read_mapping(conn, server, task, run.model, run.classes, outlines=run.outlines)
    result.decisions = mapping.decisions
    jobs = read_jobs(server, task)
    meta = read_meta(server, task)
    closed = ({} if run.policy == "all" else jobs.closed) | dict.fromkeys(meta.deleted, "deleted")
    return TaskPlan(
        run=run,
        keys=run.keys_in(number),
        task=task,
        meta=meta,
        labels=mapping.labels,
        segments=jobs.segments,
        closed=closed,
        scores=server.keeps_scores,
        review=mapping.review,
        result=result,
    )


def published_by_newer(conn: connection, plan: TaskPlan, entries: Iterable[LedgerEntry]) -> set[int]:
    """Frames that a newer version of the model, or a later run with other thresholds, was published on already."""
    rivals = [e for e in entries if _is_rival(plan, e) and e.state is LedgerState.PUBLISHED]
    rank = {each.run_id: each.rank for each in load_runs(conn, {e.run_id for e in rivals})}
    return {e.frame for e in rivals if e.run_id in rank and rank[e.run_id] > plan.run.rank}


def replaced_entries(plan: TaskPlan, entries: Iterable[LedgerEntry], newer: set[int]) -> list[LedgerEntry]:
    """The entries of older versions on frames that now have this run's; those of newer versions stay."""
    published = [e for e in entries if e.state is LedgerState.PUBLISHED]
    done = {e.frame for e in published if e.key in plan.keys} - newer
    return [e for e in published if e.frame in done and _is_rival(plan, e)]


def _is_rival(plan: TaskPlan, entry: LedgerEntry) -> bool:
    """Whether it has drafts of the same model that are not this run's: of another version, or by other thresholds."""
    return plan.run.is_same_model(entry.model) and entry.key not in plan.keys

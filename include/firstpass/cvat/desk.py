"""The plan of one run in one task: labels mapped, frames chosen, drafts made. Reads CVAT, writes nothing."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from psycopg2.extensions import connection

from firstpass.cvat.client import Cvat
from firstpass.cvat.drafting import Prediction, draft
from firstpass.cvat.ledger import Draft
from firstpass.cvat.mapping import Decision, Label, map_labels
from firstpass.cvat.policy import left_alone, person_groups
from firstpass.cvat.predictions import Run, ranks, read_predictions
from firstpass.cvat.publications import Publication
from firstpass.cvat.reviews import Review, find_review
from firstpass.cvat.rules import read_rules
from firstpass.cvat.snapshot import Snapshot, attribute_defaults, fingerprint
from firstpass.cvat.tasks import Meta, Task, read_jobs, read_labels, read_meta, read_task

T = TypeVar("T")

PIECE = 1000  # shapes a request, about: a frame is never split
_PIECE_FRAMES = 250


@dataclass(frozen=True)
class Desk:
    """Everything about one run in one task that does not change while it is published.

    segments: the frames of each job. closed: frame → why nothing may be drafted there, whatever lies on it. scores:
    whether the server keeps them. review: what a person was asked or said about the mapping. result: where it is
    counted what becomes of frames and detections.
    """

    run: Run
    task: Task
    meta: Meta
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

    def drafts(self, known: Sequence[Draft], snapshot: Snapshot, newer: set[int]) -> Generator[Draft]:
        """A draft for each frame that is to have one; all that is left alone or dropped is counted in `result`.

        known: the task's ledger. newer: frames that a newer version has. Predictions are read as drafts are taken.
        """
        alone = dict.fromkeys(newer, "drafted by a newer version or run")
        alone |= left_alone(snapshot, known, self.run.policy) | self.closed
        alone |= {d.frame: "drafted already" for d in known if d.key[1:] == self.run.version}
        self.result.left_alone.update(alone.values())
        groups = person_groups(snapshot)
        for prediction in read_predictions(self.run.id, self.task.id):
            if prediction.frame >= len(self.meta.sizes):
                self.result.left_alone["beyond the task's end"] += 1
            elif prediction.frame not in alone:
                yield self._draft(prediction, groups.get(prediction.frame, 0) + 1)

    def _draft(self, prediction: Prediction, first_group: int) -> Draft:
        width, height = self.meta.sizes[prediction.frame].tolist()
        shapes = draft(prediction, self.decisions, (width, height), first_group, self.result.dropped)
        if not self.scores:
            for _, shape in shapes:
                del shape["score"]
        return Draft(
            frame=prediction.frame,
            model=self.run.model,
            settings_hash=self.run.settings_hash,
            run_id=self.run.id,
            state="sending",
            detections=[number for number, _ in shapes],
            ids=[None] * len(shapes),
            fingerprints=[fingerprint(shape, self.defaults) for _, shape in shapes],
            sent=[shape for _, shape in shapes],
        )


def open_desk(conn: connection, server: Cvat, run: Run, number: int, result: Publication) -> Desk:
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
    return Desk(run, task, meta, labels, jobs.segments, closed, server.keeps_scores, review, result)


def pieces(drafts: Iterable[Draft]) -> Iterator[list[Draft]]:
    """Whole frames, about PIECE shapes together: what one request carries, and what is in memory at a time."""
    piece: list[Draft] = []
    shapes = 0
    for one in drafts:
        piece.append(one)
        shapes += len(one.ids)
        if shapes >= PIECE or len(piece) >= _PIECE_FRAMES:
            yield piece
            piece, shapes = [], 0
    if piece:
        yield piece


def one_ahead(items: Iterator[T]) -> Generator[T]:
    """The same items, the next one being made in a thread while the caller is busy with this one.

    Closed early, it waits until that thread is done.
    """
    with ThreadPoolExecutor(1, "ahead") as pool:
        coming = pool.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, items, None)
            yield item


@contextmanager
def quick_turns() -> Iterator[None]:
    """Threads take turns ten times as often as by default: who gets an answer then goes on with it at once."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(usual / 10)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)


def drafted_by_newer(conn: connection, run: Run, drafts: Iterable[Draft]) -> set[int]:
    """Frames that a newer version of the model, or a later run with other settings, has drafted already."""
    rivals = [d for d in drafts if run.is_rival(d.model, d.settings_hash) and d.state == "drafted"]
    rank = ranks(conn, {d.run_id for d in rivals})
    return {d.frame for d in rivals if d.run_id in rank and rank[d.run_id] > run.rank}


def replaced(run: Run, drafts: Iterable[Draft], newer: set[int]) -> list[Draft]:
    """The older drafts of frames that now have this run's."""
    drafted = [d for d in drafts if d.state == "drafted"]
    done = {d.frame for d in drafted if d.key[1:] == run.version} - newer
    return [d for d in drafted if d.frame in done and run.is_rival(d.model, d.settings_hash)]

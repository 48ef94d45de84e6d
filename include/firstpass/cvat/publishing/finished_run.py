"""A run as publishing needs it: its model, its tasks, whether it may be published at all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from psycopg2.extensions import connection

from firstpass.contracts.class_table import ClassTable
from firstpass.contracts.thresholds import Thresholds
from firstpass.contracts.verdict import QualityVerdict
from firstpass.cvat.publishing.ledger import Key
from firstpass.cvat.server.selection import Selection
from firstpass.errors import FirstpassError
from firstpass.warehouse.model_versions import class_table
from firstpass.warehouse.predictions import frame_revisions, has_polygons, stored_threshold
from firstpass.warehouse.runs import load_whole_run
from firstpass.warehouse.verdicts import load_verdict


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A run that has ended.

    model: `name@version`. thresholds: those that its drafts reach. outlines: whether its network gives them. policy:
    which frames are left alone. frames: (task, frame, revision that it was inferred with) of all that it has
    predictions for. rank: greater for newer model versions, then for later runs.
    """

    id: str
    model: str
    thresholds: Thresholds
    classes: ClassTable
    outlines: bool
    policy: str
    frames: tuple[tuple[int, int, int], ...]
    rank: tuple[datetime, datetime]

    @property
    def tasks(self) -> list[int]:
        """Those of CVAT that it has predictions for, in ascending order."""
        return sorted({task for task, *_ in self.frames})

    def keys_in(self, task: int) -> frozenset[Key]:
        """What the ledger knows the run's drafts in a task by."""
        return frozenset(self.key(frame, revision) for number, frame, revision in self.frames if number == task)

    def key(self, frame: int, revision: int) -> Key:
        """What the ledger knows this run's drafts on a frame by, given the revision that they were inferred with."""
        return frame, self.model, self.thresholds.digest(revision)

    def is_same_model(self, model: str) -> bool:
        """Whether this is a version of the same model."""
        return model.partition("@")[0] == self.model.partition("@")[0]


def load_finished_run(
    conn: connection, run_id: str, *, threshold: float | None = None, unchecked: bool = False
) -> FinishedRun:
    """The run `run_id` (or `latest`).

    threshold: one for all classes in place of the run's own. Raises FirstpassError for a threshold below what is
    stored, for a run that is unknown, pruned, not finished or not about CVAT, and, unless `unchecked`, for one that
    was never checked or failed a critical check.
    """
    run = load_whole_run(conn, run_id)
    if not run.images_uri.startswith("cvat:"):
        raise FirstpassError(
            f"run {run.run_id} is about {run.images_uri}, not about CVAT", "run it over cvat:task/… or cvat:project/…"
        )
    if run.state not in ("success", "partial"):
        raise FirstpassError(
            f"run {run.run_id} is {run.state}", "wait until it has ended, or run it again if it failed"
        )
    if not unchecked:
        _require_good(run.run_id, load_verdict(conn, run.run_id))
    return FinishedRun(
        id=run.run_id,
        model=run.model,
        thresholds=run.thresholds if threshold is None else stored_threshold(conn, run.run_id, threshold),
        classes=class_table(conn, run.model),
        outlines=has_polygons(conn, run.run_id),
        policy=Selection.parse(run.images_uri).policy,
        frames=tuple(frame_revisions(conn, run.run_id)),
        rank=run.rank,
    )


def _require_good(run_id: str, verdict: QualityVerdict | None) -> None:
    if verdict is None:
        raise FirstpassError(
            f"run {run_id} was never checked",
            "clear its task `check` in Airflow, or publish its drafts anyway with `firstpass cvat publish --unchecked`",
        )
    critical = sorted((r for r in verdict.failures if r.severity == "critical"), key=lambda r: r.expectation)
    if critical:
        raise FirstpassError(
            f"run {run_id} failed {len(critical)} critical checks: {critical[0].sentence} ({critical[0].observed})",
            "look at its report; its drafts stay in the warehouse, and `firstpass cvat publish --unchecked` sends them",
        )

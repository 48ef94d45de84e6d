"""A run as publishing needs it: its model, its tasks, whether it may be published at all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from psycopg2.extensions import connection

from firstpass.contracts.class_table import ClassTable
from firstpass.contracts.verdict import QualityVerdict
from firstpass.cvat.server.selection import Selection
from firstpass.errors import FirstpassError
from firstpass.warehouse.model_versions import class_table
from firstpass.warehouse.predictions import predicted_tasks
from firstpass.warehouse.runs import load_run
from firstpass.warehouse.verdicts import load_verdict


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A run that has ended.

    model: `name@version`. outlines: whether its network gives them. policy: which frames are left alone. tasks: those
    of CVAT that it has predictions for. rank: greater for newer model versions, then for later runs.
    """

    id: str
    model: str
    settings_hash: str
    classes: ClassTable
    outlines: bool
    policy: str
    tasks: tuple[int, ...]
    rank: tuple[datetime, datetime]

    @property
    def version(self) -> tuple[str, str]:
        """Model and settings: what makes two predictions of a frame the same."""
        return self.model, self.settings_hash

    def is_rival(self, model: str, settings_hash: str) -> bool:
        """Whether these are another version, or other settings, of the same model."""
        return model.partition("@")[0] == self.model.partition("@")[0] and (model, settings_hash) != self.version


def load_finished_run(conn: connection, run_id: str, *, unchecked: bool = False) -> FinishedRun:
    """The run `run_id` (or `latest`).

    Raises FirstpassError for one that is unknown, not finished or not about CVAT, and, unless `unchecked`, for one that
    was never checked or failed a critical check.
    """
    run = load_run(conn, run_id)
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
    tasks, outlines = predicted_tasks(conn, run.run_id)
    return FinishedRun(
        id=run.run_id,
        model=run.model,
        settings_hash=run.settings_hash,
        classes=class_table(conn, run.model),
        outlines=outlines,
        policy=Selection.parse(run.images_uri).policy,
        tasks=tasks,
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

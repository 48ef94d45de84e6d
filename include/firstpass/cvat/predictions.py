"""A run as publishing needs it: its model, its tasks, what it predicts for each frame. Reads the warehouse only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from psycopg2.extensions import connection

from firstpass.cvat.drafting import Prediction
from firstpass.cvat.selection import Selection
from firstpass.errors import FirstpassError
from firstpass.models.classes import ClassTable, ModelClass
from firstpass.warehouse.connection import connect
from firstpass.warehouse.runs import find_run

_FRAMES = 100  # predictions in memory at a time


@dataclass(frozen=True, slots=True)
class Run:
    """A finished run.

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
        """Model and settings: what makes two drafts of a frame the same."""
        return self.model, self.settings_hash

    def is_rival(self, model: str, settings_hash: str) -> bool:
        """Whether these are another version, or other settings, of the same model."""
        return model.partition("@")[0] == self.model.partition("@")[0] and (model, settings_hash) != self.version


def load_run(conn: connection, run_id: str, *, unchecked: bool = False) -> Run:
    """The run `run_id` (or `latest`).

    Raises FirstpassError for one that is unknown, not finished or not about CVAT, and, unless `unchecked`, for one that
    was never checked or failed a critical check.
    """
    run_id = find_run(conn, run_id)
    with conn, conn.cursor() as cur:
        cur.execute(
            "SELECT r.model, r.settings_hash, r.images_uri, r.state, m.decided_at, r.started_at, v.run_id IS NOT NULL"
            " FROM runs r JOIN models m USING (model) LEFT JOIN quality_verdicts v USING (run_id) WHERE run_id = %s",
            [run_id],
        )
        model, settings_hash, images_uri, state, decided_at, started_at, checked = cur.fetchall()[0]
        cur.execute("SELECT class_id, name FROM classes WHERE model = %s ORDER BY class_id", [model])
        classes = ClassTable(tuple(ModelClass(*row) for row in cur))
        cur.execute(
            "SELECT array_agg(DISTINCT task ORDER BY task), coalesce(bool_or(polygons IS NOT NULL), false)"
            " FROM run_drafts WHERE run_id = %s AND task IS NOT NULL AND frame IS NOT NULL",
            [run_id],
        )
        tasks, outlines = cur.fetchall()[0]
        cur.execute(
            "SELECT sentence, observed FROM quality_results"
            " WHERE run_id = %s AND severity = 'critical' AND NOT success ORDER BY expectation",
            [run_id],
        )
        failed = cur.fetchall()
    if not images_uri.startswith("cvat:"):
        raise FirstpassError(
            f"run {run_id} is about {images_uri}, not about CVAT", "run it over cvat:task/… or cvat:project/…"
        )
    if state not in ("success", "partial"):
        raise FirstpassError(f"run {run_id} is {state}", "wait until it has ended, or repeat it if it failed")
    if not checked and not unchecked:
        raise FirstpassError(
            f"run {run_id} was never checked",
            "clear its task `check` in Airflow; `firstpass cvat publish --unchecked` sends its drafts all the same",
        )
    if failed and not unchecked:
        sentence, observed = failed[0]
        raise FirstpassError(
            f"run {run_id} failed {len(failed)} critical checks: {sentence} ({observed})",
            "look at its report; its drafts stay in the warehouse, and `firstpass cvat publish --unchecked` sends them",
        )
    policy = Selection.parse(images_uri).policy
    return Run(run_id, model, settings_hash, classes, outlines, policy, tuple(tasks or ()), (decided_at, started_at))


def read_predictions(run_id: str, task: int) -> Iterator[Prediction]:
    """What the run has for each frame of a task, in order of frame, a few at a time, over a connection of its own."""
    with closing(connect()) as conn, conn.cursor(name="predictions") as cur:
        cur.itersize = _FRAMES
        cur.execute(
            "SELECT frame, width, height, class_ids, scores, x1, y1, x2, y2, polygons FROM run_drafts"
            " WHERE run_id = %s AND task = %s ORDER BY frame",
            [run_id, task],
        )
        for frame, width, height, class_ids, scores, x1, y1, x2, y2, polygons in cur:
            boxes = np.array([x1, y1, x2, y2], np.float64).reshape(4, -1).T
            yield Prediction(frame, width, height, class_ids, scores, boxes, polygons)


def ranks(conn: connection, run_ids: set[str]) -> dict[str, tuple[datetime, datetime]]:
    """Run → its `rank`."""
    with conn, conn.cursor() as cur:
        cur.execute(
            "SELECT run_id, decided_at, started_at FROM runs JOIN models USING (model) WHERE run_id = ANY(%s::text[])",
            [list(run_ids)],
        )
        return {run_id: (decided_at, started_at) for run_id, decided_at, started_at in cur}

"""Reading predictions back as drafts: what exporting, publishing and the report ask."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from psycopg2.extensions import connection

from firstpass.contracts.image_drafts import ImageDrafts
from firstpass.contracts.thresholds import Thresholds
from firstpass.errors import FirstpassError
from firstpass.warehouse.connection import transaction

_ROWS = 200  # in memory at a time

COLUMNS = (
    *("uri", "task", "frame", "width", "height", "orientation", "revision"),
    *("class_ids", "scores", "x1", "y1", "x2", "y2", "polygons"),
)


def read_drafts(
    conn: connection, run_id: str, thresholds: Thresholds, task: int | None = None
) -> Iterator[ImageDrafts]:
    """The drafts of a run's images, a few at a time, in order of task, frame and URI; or those of one task.

    Images without a draft are among them, if they have a prediction. An image that was known from an earlier run has
    that run's. Stays in the caller's transaction.
    """
    condition = "" if task is None else " AND task = %(task)s"
    query = f"SELECT {', '.join(COLUMNS)} FROM run_predictions WHERE run_id = %(run_id)s{condition}"  # noqa: S608
    with conn.cursor(name="drafts") as cur:
        cur.itersize = _ROWS
        cur.execute(f"{query} ORDER BY task, frame, uri", {"run_id": run_id, "task": task})
        for row in cur:
            yield to_drafts(row, thresholds)


def to_drafts(row: Sequence[Any], thresholds: Thresholds) -> ImageDrafts:
    """From COLUMNS of `run_predictions`."""
    uri, task, frame, width, height, orientation, revision, class_ids, scores, x1, y1, x2, y2, polygons = row
    boxes = np.array([x1, y1, x2, y2], np.float64).reshape(4, -1).T
    kept = np.flatnonzero(thresholds.reached(class_ids, scores)).tolist()
    return ImageDrafts(
        uri,
        task,
        frame,
        width,
        height,
        orientation,
        revision,
        numbers=[n + 1 for n in kept],
        class_ids=[class_ids[n] for n in kept],
        scores=[scores[n] for n in kept],
        boxes=boxes[kept],
        polygons=None if polygons is None else [polygons[n] for n in kept],
    )


def has_polygons(conn: connection, run_id: str) -> bool:
    """Whether any of the run's predictions has polygons."""
    with transaction(conn) as cur:
        cur.execute("SELECT EXISTS (SELECT FROM run_predictions WHERE run_id = %s AND polygons IS NOT NULL)", [run_id])
        return bool(cur.fetchall()[0][0])


def frame_revisions(conn: connection, run_id: str) -> list[tuple[int, int, int]]:
    """(Task, frame, revision that its prediction was inferred with) of the run's frames in CVAT."""
    with transaction(conn) as cur:
        cur.execute(
            "SELECT task, frame, revision FROM run_predictions"
            " WHERE run_id = %s AND task IS NOT NULL AND frame IS NOT NULL",
            [run_id],
        )
        return cur.fetchall()


def stored_threshold(conn: connection, run_id: str, threshold: float) -> Thresholds:
    """One threshold for all classes of a run. Raises FirstpassError for one below what is stored, naming the floor."""
    if not 0 <= threshold <= 1:
        raise FirstpassError(f"threshold is {threshold!r}", "give a number from 0 to 1, for example 0.4")
    with transaction(conn) as cur:
        cur.execute("SELECT coalesce(max(floor), 0) FROM run_predictions WHERE run_id = %s", [run_id])
        floor = float(cur.fetchall()[0][0])
    if np.float32(threshold) < np.float32(floor):
        raise FirstpassError(
            f"threshold {threshold:g} is below the floor {floor:g} of run {run_id}: what scores less was not stored",
            f"give {floor:g} or more, or infer again with a lower threshold: firstpass run --threshold {threshold:g}",
        )
    return Thresholds(threshold)

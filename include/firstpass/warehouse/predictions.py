"""Reading predictions back: what exporting, publishing and the report ask."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from psycopg2.extensions import connection

from firstpass.contracts.prediction import Prediction
from firstpass.warehouse.connection import transaction

_ROWS = 200  # in memory at a time

_SELECT = (
    "SELECT uri, task, frame, width, height, class_ids, scores, x1, y1, x2, y2, polygons FROM run_predictions"
    " WHERE run_id = %(run_id)s"
)


def read_predictions(conn: connection, run_id: str, task: int | None = None) -> Iterator[Prediction]:
    """The predictions behind a run's images, a few at a time, in order of task, frame and URI; or those of one task.

    An image that was known from an earlier run has that run's. Stays in the caller's transaction.
    """
    condition = "" if task is None else " AND task = %(task)s"
    with conn.cursor(name="predictions") as cur:
        cur.itersize = _ROWS
        cur.execute(f"{_SELECT}{condition} ORDER BY task, frame, uri", {"run_id": run_id, "task": task})
        for uri, task_, frame, width, height, class_ids, scores, x1, y1, x2, y2, polygons in cur:
            boxes = np.array([x1, y1, x2, y2], np.float64).reshape(4, -1).T
            yield Prediction(uri, task_, frame, width, height, class_ids, scores, boxes, polygons)


def predicted_tasks(conn: connection, run_id: str) -> tuple[tuple[int, ...], bool]:
    """The CVAT tasks that the run has predictions for, in ascending order, and whether any of those has polygons."""
    with transaction(conn) as cur:
        cur.execute(
            "SELECT array_agg(DISTINCT task ORDER BY task), coalesce(bool_or(polygons IS NOT NULL), false)"
            " FROM run_predictions WHERE run_id = %s AND task IS NOT NULL AND frame IS NOT NULL",
            [run_id],
        )
        tasks, outlines = cur.fetchall()[0]
    return tuple(tasks or ()), outlines

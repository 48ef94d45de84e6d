"""A run's drafts as an export needs them: image names, labels, shapes. Reads the warehouse only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from typing import Any

from psycopg2.extensions import connection

from firstpass.cvat.names import Namer, namer
from firstpass.models.classes import ClassTable, ModelClass

_IMAGES = 500  # in memory at a time


@dataclass(frozen=True, slots=True)
class Head:
    """What is said of the whole: `left_out` are the images without a draft, by outcome."""

    run_id: str
    model: str
    images_uri: str
    classes: ClassTable
    left_out: dict[str, int]

    @property
    def title(self) -> str:
        """One line that says where the drafts come from."""
        return f"Drafts of run {self.run_id} by {self.model}"

    @property
    def author(self) -> str:
        """Written into every export, so that a later one knows which file it may replace."""
        return "Firstpass"


@dataclass(frozen=True, slots=True)
class Shape:
    """One detection. box: x1, y1, x2, y2 in pixels. polygons: flat x, y, x, y, … for each part, none for a box."""

    class_id: int
    score: float
    box: tuple[float, float, float, float]
    polygons: list[list[float]]


@dataclass(frozen=True, slots=True)
class Draft:
    """One image, its name relative to the run's image folder, and its shapes by descending score."""

    name: str
    width: int
    height: int
    shapes: list[Shape]


def read_head(conn: connection, run_id: str) -> Head:
    """What is known of an existing run before its images are read. Stays in the caller's transaction."""
    with conn.cursor() as cur:
        cur.execute("SELECT model, images_uri FROM runs WHERE run_id = %s", [run_id])
        model, images_uri = cur.fetchall()[0]
        cur.execute("SELECT class_id, name FROM classes WHERE model = %s ORDER BY class_id", [model])
        classes = ClassTable(tuple(ModelClass(*row) for row in cur))
        cur.execute(
            "SELECT outcome, count(*) FROM outcomes o JOIN runs r USING (run_id) WHERE run_id = %s AND NOT EXISTS"
            " (SELECT FROM detections d"
            " WHERE d.sha256 = o.sha256 AND d.model = r.model AND d.settings_hash = r.settings_hash"
            " AND outcome IN ('ok', 'empty', 'known', 'duplicate')) GROUP BY outcome",
            [run_id],
        )
        return Head(run_id, model, images_uri, classes, dict(cur.fetchall()))


def read_drafts(conn: connection, head: Head, dropped: Counter[str]) -> Iterator[Draft]:
    """Every image of the run that has a draft, empty ones too, in order of URI, some at a time.

    Detections without finite numbers, which no format can hold, are left out and counted in `dropped`. Stays in the
    caller's transaction.
    """
    name = _namer(conn, head)
    with conn.cursor(name="drafts") as cur:
        cur.itersize = _IMAGES
        cur.execute(
            "SELECT uri, task, frame, width, height, polygons, class_ids, scores, x1, y1, x2, y2 FROM run_drafts"
            " WHERE run_id = %s ORDER BY task, frame, uri",
            [head.run_id],
        )
        for uri, task, frame, width, height, polygons, *columns in cur:
            shapes = list(_shapes(polygons, *columns))
            dropped["not finite"] += len(columns[0]) - len(shapes)
            yield Draft(name(uri, task, frame), width, height, shapes)


def _namer(conn: connection, head: Head) -> Namer:
    with conn.cursor() as cur:
        cur.execute("SELECT min(uri), max(uri), count(DISTINCT task) FROM outcomes WHERE run_id = %s", [head.run_id])
        first, last, tasks = cur.fetchall()[0]
    return namer(head.images_uri, first or "", last or "", tasks)


def _shapes(polygons: list[Any] | None, *columns: list[Any]) -> Iterator[Shape]:
    """The image's columns, from class ids to y2, detection by detection."""
    outlines = polygons or [[]] * len(columns[0])
    for (class_id, *numbers), parts in zip(zip(*columns, strict=True), outlines, strict=True):
        if all(map(isfinite, numbers)):
            score, x1, y1, x2, y2 = numbers
            yield Shape(class_id, score, (x1, y1, x2, y2), [p for p in parts if len(p) >= 6 and None not in p])

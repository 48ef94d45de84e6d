"""What the report tells, read from the warehouse and the run's folder: numbers and names, no markup."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg2.extensions import connection
from psycopg2.extras import RealDictCursor

from firstpass.chunks.estimate import Estimate
from firstpass.chunks.run import run_folder

SCORE_BINS = 20

_HISTOGRAM = """
SELECT d.class_id, coalesce(c.name, 'class ' || d.class_id) AS name, d.bin, d.count
FROM (
    SELECT r.model, u.class_id, width_bucket(u.score, %(edges)s::real[]) AS bin, count(*) AS count
    FROM run_drafts r
    CROSS JOIN LATERAL unnest(r.class_ids, r.scores) AS u (class_id, score)
    WHERE r.run_id = %(run_id)s AND r.outcome = ANY(%(outcomes)s)
    GROUP BY 1, 2, 3
) d
LEFT JOIN classes c ON c.model = d.model AND c.class_id = d.class_id
"""

_FIGURES = """
SELECT r.run_id, r.model, (r.spec ->> 'threshold')::float8 AS threshold, r.started_at, r.images_uri,
       count(*) FILTER (WHERE o.outcome IN ('ok', 'empty')) AS inferred,
       coalesce(sum(o.detections), 0)::bigint AS detections,
       count(*) FILTER (WHERE o.outcome = 'empty') AS empty, count(o.uri) AS images,
       count(*) FILTER (WHERE o.outcome IN ('unreadable', 'missing')) AS unreadable,
       (SELECT sum(c.images) / nullif(sum(c.seconds), 0) FROM chunks c WHERE c.run_id = r.run_id AND c.state = 'merged')
           AS images_per_second
FROM runs r
LEFT JOIN outcomes o ON o.run_id = r.run_id
WHERE r.run_id = %(run_id)s
GROUP BY r.run_id
"""

# The run before this one that inferred anything at all.
_BEFORE = """
SELECT b.run_id
FROM runs r
JOIN runs b ON b.started_at < r.started_at
WHERE r.run_id = %(run_id)s
  AND EXISTS (SELECT FROM chunks c WHERE c.run_id = b.run_id AND c.state = 'merged' AND c.images > 0)
ORDER BY b.started_at DESC
LIMIT 1
"""

_PUBLICATIONS = """
SELECT server || '/tasks/' || task AS url, task, task_name AS name, state, reason, mapping, counts
FROM publications
WHERE run_id = %(run_id)s
ORDER BY task
"""


@dataclass(frozen=True, slots=True)
class ClassCount:
    """A class's detections, in all and per score bin ([SCORE_BINS])."""

    name: str
    count: int
    bins: list[int]


@dataclass(frozen=True, slots=True)
class Change:
    """One line of what changed: `unit` is text, number, percent or rate; `before` is last time's value."""

    label: str
    now: Any
    before: Any
    unit: str


@dataclass(frozen=True, slots=True)
class ChunkRun:
    """How one chunk went. `start` and `seconds` in seconds, from the start of the first chunk; None where unknown.

    attempts: how often it was begun. resumed: images that earlier ones had finished. reading: seconds that the last
    attempt read images for, added up over threads.
    """

    index: int
    state: str
    images: int
    host: str
    start: float | None
    seconds: float | None
    attempts: int
    resumed: int
    reading: float
    reason: str | None

    @property
    def hours(self) -> float:
        """What its machine was busy for, as far as is known."""
        return (self.seconds or 0) / 3600

    @property
    def images_per_second(self) -> float | None:
        """Of the last attempt, loading the network included."""
        return (self.images - self.resumed) / self.seconds if self.seconds else None


def classes(conn: connection, run_id: str, outcomes: list[str]) -> list[ClassCount]:
    """The classes found in images of these outcomes, the most frequent first."""
    found: dict[int, ClassCount] = {}
    edges = [n / SCORE_BINS for n in range(1, SCORE_BINS)]
    for row in _rows(conn, _HISTOGRAM, run_id, outcomes=outcomes, edges=edges):
        found.setdefault(row["class_id"], ClassCount(row["name"], 0, [0] * SCORE_BINS)).bins[row["bin"]] = row["count"]
    counted = [ClassCount(each.name, sum(each.bins), each.bins) for each in found.values()]
    return sorted(counted, key=lambda each: (-each.count, each.name))


def changes(conn: connection, run_id: str) -> tuple[datetime | None, list[Change]]:
    """When the run before this one that inferred anything started, and this run beside it; nothing for the first."""
    before = _rows(conn, _BEFORE, run_id)
    if not before:
        return None, []
    now, then = (_rows(conn, _FIGURES, each)[0] for each in (run_id, before[0]["run_id"]))
    lines = [("Model", "model", "text"), ("Threshold", "threshold", "number"), ("Images from", "images_uri", "text"),
             ("Images inferred", "inferred", "number")]  # fmt: skip
    told = [Change(label, now[name], then[name], unit) for label, name, unit in lines]
    for label, part, whole, unit in (
        ("Detections an image", "detections", "inferred", "rate"),
        ("Without a detection", "empty", "inferred", "percent"),
        ("Unreadable", "unreadable", "images", "percent"),
    ):
        told.append(Change(label, _share(now, part, whole), _share(then, part, whole), unit))
    told.append(Change("Images a second and worker", now["images_per_second"], then["images_per_second"], "rate"))
    return then["started_at"], told


def chunk_runs(conn: connection, run_id: str) -> list[ChunkRun]:
    """The run's chunks in order, from their markers."""
    rows = _rows(
        conn,
        "SELECT chunk, state, images, seconds, marker, reason FROM chunks WHERE run_id = %(run_id)s ORDER BY 1",
        run_id,
    )
    starts = [_start(row) for row in rows]
    first = min((start for start in starts if start), default=None)
    return [
        ChunkRun(
            row["chunk"],
            row["state"],
            row["images"] or 0,
            (row["marker"] or {}).get("host") or "–",
            (start - first).total_seconds() if start and first else None,
            row["seconds"],
            (row["marker"] or {}).get("attempt") or 1,
            (row["marker"] or {}).get("resumed") or 0,
            (row["marker"] or {}).get("fetch_seconds") or 0.0,
            row["reason"],
        )
        for row, start in zip(rows, starts, strict=True)
    ]


def publications(conn: connection, run_id: str) -> list[dict[str, Any]]:
    """The CVAT tasks that the run was published in: link, state, counts, and the label mapping's decisions."""
    return _rows(conn, _PUBLICATIONS, run_id)


def duplicates(conn: connection, run_id: str, limit: int = 200) -> list[dict[str, Any]]:
    """Images that are copies of another one: uri, and which."""
    query = (
        "SELECT uri, coalesce(reason, '') AS reason FROM outcomes"
        " WHERE run_id = %(run_id)s AND outcome = 'duplicate' ORDER BY uri LIMIT %(limit)s"
    )
    return _rows(conn, query, run_id, limit=limit)


def estimate(run_id: str) -> Estimate | None:
    """What planning expected; None for a run that planned nothing."""
    return Estimate.load(run_folder(run_id))


def _start(row: dict[str, Any]) -> datetime | None:
    ended = (row["marker"] or {}).get("ended_at")
    return datetime.fromisoformat(ended) - timedelta(seconds=row["seconds"] or 0) if ended else None


def _share(row: dict[str, Any], part: str, whole: str) -> float | None:
    return float(row[part]) / row[whole] if row[whole] else None


def _rows(conn: connection, query: str, run_id: str, **more: Any) -> list[dict[str, Any]]:
    with conn, conn.cursor(cursor_factory=RealDictCursor) as cursor:
        cursor.execute(query, {"run_id": run_id, **more})
        return [dict(row) for row in cursor.fetchall()]

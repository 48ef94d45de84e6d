"""How a run's chunks went, from their done-markers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg2.extensions import connection

from firstpass.warehouse.run_figures import chunk_rows


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


def chunk_runs(conn: connection, run_id: str) -> list[ChunkRun]:
    """The run's chunks in order, from their markers."""
    rows = chunk_rows(conn, run_id)
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


def _start(row: dict[str, Any]) -> datetime | None:
    marker = row["marker"] or {}
    took = (row["seconds"] or 0) + marker.get("waited_seconds", 0)
    return datetime.fromisoformat(marker["ended_at"]) - timedelta(seconds=took) if marker.get("ended_at") else None

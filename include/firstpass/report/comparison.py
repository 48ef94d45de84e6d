"""A run beside the one before it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg2.extensions import connection

from firstpass.warehouse.run_figures import figures, run_before


@dataclass(frozen=True, slots=True)
class Change:
    """One line of what changed: `unit` is text, number, percent or rate; `before` is last time's value."""

    label: str
    now: Any
    before: Any
    unit: str


def changes(conn: connection, run_id: str) -> tuple[datetime | None, list[Change]]:
    """This run beside the last one over the same images with any version of the same model: when that one started.

    None and nothing where there is no earlier run that inferred anything.
    """
    before = run_before(conn, run_id)
    if before is None:
        return None, []
    now, then = figures(conn, run_id), figures(conn, before)
    lines = [("Model", "model", "text"), ("Threshold", "threshold", "number"),
             ("Images inferred", "inferred", "number")]  # fmt: skip
    told = [Change(label, now[name], then[name], unit) for label, name, unit in lines]
    for label, part, whole, unit in (
        ("Drafts per image", "drafts", "inferred", "rate"),
        ("Without a draft", "empty", "inferred", "percent"),
        ("Unreadable", "unreadable", "images", "percent"),
    ):
        told.append(Change(label, _share(now, part, whole), _share(then, part, whole), unit))
    told.append(Change("Images/s per worker", now["images_per_second"], then["images_per_second"], "rate"))
    return then["started_at"], told


def _share(row: dict[str, Any], part: str, whole: str) -> float | None:
    return float(row[part]) / row[whole] if row[whole] else None

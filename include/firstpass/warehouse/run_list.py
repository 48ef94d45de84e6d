"""The list of runs: what the UI's page and `firstpass quality history` show, newest first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg2.extensions import connection
from psycopg2.extras import RealDictCursor

from firstpass.contracts.run_error import RunError
from firstpass.contracts.run_standing import Standing, standing
from firstpass.warehouse.connection import transaction

PAGE = 50

_RUNS = """
SELECT r.run_id, r.started_at, coalesce(r.model, r.asked_model) AS model, r.images_uri, r.state, v.verdict, v.images,
       v.drafts, v.drift, r.stage, r.error, r.removed, r.pruned_at, ARRAY(
           SELECT marker ->> 'device' FROM chunks c
           WHERE c.run_id = r.run_id AND c.state = 'merged' AND marker ->> 'device' <> ''
           GROUP BY 1 ORDER BY count(*) DESC, 1) AS devices
FROM runs r
LEFT JOIN quality_verdicts v ON v.run_id = r.run_id
"""

# Runs alone are searched and sorted; only the page's own rows meet their verdicts and chunks.
_PAGE = """
WHERE %(like)s IS NULL
   OR concat_ws(' ', r.run_id, r.model, r.asked_model, r.images_uri, r.state, v.verdict,
                CASE WHEN v.verdict = 'failed' THEN 'held back' END, r.error ->> 'problem',
                to_char(r.started_at, 'YYYY-MM-DD'))
      ILIKE %(like)s
ORDER BY r.started_at DESC, r.run_id
LIMIT %(limit)s OFFSET %(offset)s
"""
_ONE = "WHERE r.run_id = %(run_id)s"
_NEWEST_SINCE = """
WHERE r.started_at > (SELECT started_at FROM runs WHERE run_id = %(run_id)s)
ORDER BY r.started_at DESC, r.run_id DESC
LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class ListedRun:
    """A run in one row. What its checks would tell is None until it was checked.

    model: `name@version`, or what was asked for where the run failed before that was settled. devices: what its chunks
    ran on, most chunks first. stage: the one that is under way, or that failed. error: why the run failed, or why the
    last try of the stage under way did. removed: kinds of its files that a prune took. pruned_at: when one took its
    images and its whole folder; counts and checks stay.
    """

    run_id: str
    started_at: datetime
    model: str
    images_uri: str
    state: str
    verdict: str | None
    images: int | None
    drafts: int | None
    drift: float | None
    devices: tuple[str, ...]
    stage: str | None
    error: RunError | None
    removed: tuple[str, ...]
    pruned_at: datetime | None

    @property
    def standing(self) -> Standing:
        """How it stands, in one word."""
        return standing(self.state, self.verdict)


def list_runs(conn: connection, search: str = "", page: int = 0, size: int = PAGE) -> tuple[list[ListedRun], bool]:
    """Page `page` (from 0) of the runs that `search` occurs in, and whether there are more.

    Searches id, model, images, state, verdict, what went wrong and date, case-insensitively; `%` and `_` mean
    themselves.
    """
    like = "%" + search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%" if search else None
    rows = _listed(conn, _PAGE, like=like, limit=size + 1, offset=page * size)
    return rows[:size], len(rows) > size


def listed_run(conn: connection, run_id: str) -> ListedRun | None:
    """One run as the list has it; None for one that the warehouse has never heard of."""
    return next(iter(_listed(conn, _ONE, run_id=run_id)), None)


def newer_failure(conn: connection, run_id: str) -> ListedRun | None:
    """The newest run of all if it started after this one and failed: what `latest` passes over must be told."""
    return next((run for run in _listed(conn, _NEWEST_SINCE, run_id=run_id) if run.state == "failed"), None)


def _listed(conn: connection, which: str, **parameters: Any) -> list[ListedRun]:
    with transaction(conn, RealDictCursor) as cursor:
        cursor.execute(_RUNS + which, parameters)
        rows: list[dict[str, Any]] = [dict(row) for row in cursor.fetchall()]
    for row in rows:
        row["devices"], row["removed"] = tuple(row["devices"]), tuple(row["removed"])
        row["error"] = RunError(**row["error"]) if row["error"] else None
    return [ListedRun(**row) for row in rows]

"""The list of runs: what the UI's page and `firstpass quality history` show, newest first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from psycopg2.extensions import connection

PAGE = 50

# Runs alone are searched and sorted; only the page's own rows meet their verdicts.
_LIST = """
SELECT r.run_id, r.started_at, r.model, r.images_uri, r.state, v.verdict, v.images, v.drafts, v.drift
FROM runs r
LEFT JOIN quality_verdicts v ON v.run_id = r.run_id
WHERE %(like)s IS NULL
   OR concat_ws(' ', r.run_id, r.model, r.images_uri, r.state, v.verdict, to_char(r.started_at, 'YYYY-MM-DD'))
      ILIKE %(like)s
ORDER BY r.started_at DESC, r.run_id
LIMIT %(limit)s OFFSET %(offset)s
"""


@dataclass(frozen=True, slots=True)
class ListedRun:
    """A run in one row. What its checks would tell is None until it was checked."""

    run_id: str
    started_at: datetime
    model: str
    images_uri: str
    state: str
    verdict: str | None
    images: int | None
    drafts: int | None
    drift: float | None


def list_runs(conn: connection, search: str = "", page: int = 0, size: int = PAGE) -> tuple[list[ListedRun], bool]:
    """Page `page` (from 0) of the runs that `search` occurs in, and whether there are more.

    Searches id, model, images, state, verdict and date, case-insensitively; `%` and `_` mean themselves.
    """
    like = "%" + search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%" if search else None
    with conn, conn.cursor() as cursor:
        cursor.execute(_LIST, {"like": like, "limit": size + 1, "offset": page * size})
        rows = [ListedRun(*row) for row in cursor.fetchall()]
    return rows[:size], len(rows) > size

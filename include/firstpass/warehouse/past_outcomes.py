"""Standing outcomes that only pruned runs could see: those that ended before the oldest listing that is kept."""

from __future__ import annotations

from collections.abc import Collection

from psycopg2.extensions import connection

from firstpass.warehouse.connection import transaction

_BATCH = 20_000  # rows a transaction that keeps a catalogue of the series waiting

# Series → its oldest listing of a run that stays; null for a series without one, whose next run writes everything anew.
_OLDEST = """
SELECT s.series, min(l.listing)
FROM series s
LEFT JOIN listings l ON l.series = s.series AND l.run_id <> ALL(%(going)s::text[])
WHERE s.series = ANY(%(series)s::integer[])
GROUP BY 1 ORDER BY 1
"""


def series_of(conn: connection, run_ids: Collection[str]) -> list[int]:
    """The series that the runs' catalogues belong to."""
    with transaction(conn) as cur:
        cur.execute("SELECT DISTINCT series FROM listings WHERE run_id = ANY(%s::text[]) ORDER BY 1", [list(run_ids)])
        return [series for (series,) in cur]


def count_past(conn: connection, series: Collection[int], going: Collection[str]) -> int:
    """How many standing outcomes of these series only the runs that are going can see."""
    with transaction(conn) as cur:
        cur.execute(
            f"SELECT count(*) FROM standing_outcomes o JOIN ({_OLDEST}) AS oldest (series, listing) USING (series)"  # noqa: S608
            " WHERE oldest.listing IS NULL OR o.until <= oldest.listing",
            {"series": list(series), "going": list(going)},
        )
        return int(cur.fetchall()[0][0])


def prune_past(conn: connection, series: Collection[int]) -> int:
    """Remove the standing outcomes of these series that no run can see any more; returns how many."""
    with transaction(conn) as cur:
        cur.execute(_OLDEST, {"series": list(series), "going": []})
        oldest: list[tuple[int, int | None]] = cur.fetchall()
    return sum(_prune_ended(conn, *each) if each[1] else _prune_all(conn, each[0]) for each in oldest)


def _prune_ended(conn: connection, series: int, listing: int | None) -> int:
    """What has ended is written by nobody: nobody waits for it, however much it is."""
    with transaction(conn) as cur:
        cur.execute("DELETE FROM standing_outcomes WHERE series = %s AND until <= %s", [series, listing])
        return cur.rowcount


def _prune_all(conn: connection, series: int) -> int:
    """A catalogue of the series that comes meanwhile waits for one batch, and ends the removal."""
    removed = 0
    while True:
        with transaction(conn) as cur:
            cur.execute("SELECT FROM series WHERE series = %s FOR UPDATE", [series])
            cur.execute("SELECT EXISTS (SELECT FROM listings WHERE series = %s)", [series])
            if cur.fetchall()[0][0]:
                return removed
            cur.execute(
                "DELETE FROM standing_outcomes WHERE ctid = ANY(ARRAY("
                "SELECT ctid FROM standing_outcomes WHERE series = %s LIMIT %s))",
                [series, _BATCH],
            )
            removed += cur.rowcount
            if cur.rowcount < _BATCH:
                return removed

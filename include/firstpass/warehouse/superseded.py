"""Predictions of model versions that nobody uses any more: no run of theirs is kept, no image is drafted by them."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from psycopg2.extensions import connection

from firstpass.warehouse.connection import transaction
from firstpass.warehouse.evidence import Evidence, any_of

_BATCH = 5_000  # predictions a transaction: its locks last for milliseconds

_RETIRED = (
    "SELECT model FROM runs WHERE model IS NOT NULL GROUP BY model"
    " HAVING bool_and(pruned_at IS NOT NULL OR run_id = ANY(%s::text[])) ORDER BY model"
)
_SUPERSEDED = (
    "SELECT p.sha256 FROM predictions p WHERE p.model = %s"
    " AND NOT EXISTS (SELECT FROM images i WHERE i.sha256 = p.sha256 AND i.model = p.model)"
)


def retired_models(conn: connection, going: Collection[str] = ()) -> list[str]:
    """The model versions of which every run is pruned, or is among those that are going."""
    with transaction(conn) as cur:
        cur.execute(_RETIRED, [list(going)])
        return [model for (model,) in cur]


def count_superseded(conn: connection, model: str) -> int:
    """How many predictions of this version are current for no image."""
    with transaction(conn) as cur:
        cur.execute(f"SELECT count(*) FROM ({_SUPERSEDED}) p", [model])  # noqa: S608 - a constant
        return int(cur.fetchall()[0][0])


def prune_superseded(conn: connection, model: str) -> int:
    """Remove the predictions of a retired version that are current for no image; returns how many.

    A run of this version that begins meanwhile waits for one batch, then finds what is left, and ends the removal.
    """
    with transaction(conn) as cur:
        cur.execute("DROP TABLE IF EXISTS pg_temp.superseded")
        numbered = f"SELECT sha256, row_number() OVER () AS number FROM ({_SUPERSEDED}) p"  # noqa: S608 - a constant
        cur.execute(f"CREATE TEMPORARY TABLE superseded AS {numbered}", [model])
        found = cur.rowcount
    removed = 0
    for start in range(0, found, _BATCH):
        with transaction(conn) as cur:
            # A run's row refers to its model's: opening one waits for this lock, and this lock for one that is opened.
            cur.execute("SELECT FROM models WHERE model = %s FOR UPDATE", [model])
            cur.execute("SELECT EXISTS (SELECT FROM runs WHERE model = %s AND pruned_at IS NULL)", [model])
            if cur.fetchall()[0][0]:
                break
            cur.execute(
                "DELETE FROM predictions p USING superseded s WHERE p.model = %s AND p.sha256 = s.sha256"
                " AND s.number > %s AND s.number <= %s",
                [model, start, start + _BATCH],
            )
            removed += cur.rowcount
    return removed


def forget_runs(conn: connection, model: str, row_evidence: Iterable[Evidence]) -> int:
    """Remove the rows of this version's pruned runs on which nothing rests any more; returns how many.

    row_evidence: of other rooms. Reads the predictions of the version and all images once.
    """
    others = any_of(row_evidence) or "false"
    with transaction(conn) as cur:
        cur.execute(
            f"DELETE FROM runs r WHERE r.model = %(model)s AND r.pruned_at IS NOT NULL AND ({others}) IS NOT TRUE"  # noqa: S608
            " AND r.run_id NOT IN (SELECT run_id FROM predictions WHERE model = %(model)s)"
            " AND r.run_id NOT IN (SELECT run_id FROM images)",
            {"model": model},
        )
        return cur.rowcount

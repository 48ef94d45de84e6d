"""Taking a run's rows away, one short transaction per run. No table is locked, and no row that another run writes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager

from psycopg2.extensions import connection, cursor

from firstpass.contracts.pruned import Prunable
from firstpass.errors import FirstpassError
from firstpass.warehouse.connection import transaction
from firstpass.warehouse.evidence import IN_PROGRESS, Evidence, any_of

_LOCK = 0x7072756E65

# What is taken back is removed again by the next prune, so a commit need not wait for the disk. The run's outcomes and
# predictions are few beside all there are: they are looked up, even where the planner hopes to meet the first one soon.
_SETTINGS = (
    "SET LOCAL synchronous_commit = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off;"
    " SET LOCAL enable_seqscan = off"
)

# What would be counted among its outcomes and chunks later is kept with the run.
_MARK = """
UPDATE runs SET pruned_at = now(),
    stages = jsonb_build_object('infer', (SELECT max(seconds)::float8 FROM chunks WHERE run_id = %(run)s)) || stages,
    outcome_counts = (
        SELECT coalesce(jsonb_agg(to_jsonb(c)), '[]')
        FROM (SELECT outcome, images, detections, drafts FROM run_outcomes WHERE run_id = %(run)s) c)
WHERE run_id = %(run)s
"""


@contextmanager
def alone(conn: connection) -> Iterator[None]:
    """Hold the right to prune. Raises FirstpassError where somebody else has it; it goes with the connection."""
    with transaction(conn) as cur:
        cur.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK])
        if not cur.fetchall()[0][0]:
            raise FirstpassError(
                "another prune of this warehouse is under way", "wait until it has ended; what it removes is gone"
            )
    try:
        yield
    finally:
        if not conn.closed:
            with transaction(conn) as cur:
                cur.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])


def in_progress(conn: connection, run_id: str) -> bool:
    """Whether the run has begun again meanwhile; also where it is gone."""
    with transaction(conn) as cur:
        return not _still(cur, run_id, "")


def note_removed(conn: connection, run_id: str, kinds: Iterable[Prunable]) -> None:
    """Note that these files of the run are gone, so that nobody looks for them again."""
    with transaction(conn) as cur:
        cur.execute(
            "UPDATE runs SET removed = ARRAY(SELECT DISTINCT unnest(removed || %s::text[]) ORDER BY 1)"
            " WHERE run_id = %s",
            [[str(kind) for kind in kinds], run_id],
        )


def count_rows(conn: connection, run_ids: Collection[str]) -> dict[str, int]:
    """Run → its rows that would go with it: outcomes, chunks, its listing."""
    with transaction(conn) as cur:
        cur.execute(
            "SELECT run_id, sum(rows)::bigint FROM ("
            " SELECT run_id, count(*) AS rows FROM outcomes WHERE run_id = ANY(%(runs)s::text[]) GROUP BY 1"
            " UNION ALL SELECT run_id, count(*) FROM chunks WHERE run_id = ANY(%(runs)s::text[]) GROUP BY 1"
            " UNION ALL SELECT run_id, 1 FROM listings WHERE run_id = ANY(%(runs)s::text[])"
            ") AS each GROUP BY 1",
            {"runs": list(run_ids)},
        )
        return dict(cur.fetchall())


def seen_last_by(conn: connection, run_ids: Collection[str]) -> set[str]:
    """Those of the runs that saw an image last: their thresholds say which of its detections are drafts.

    Reads all images once. A run that has ended never sees another one.
    """
    with transaction(conn) as cur:
        cur.execute("SELECT DISTINCT run_id FROM images WHERE run_id = ANY(%s::text[])", [list(run_ids)])
        return {run_id for (run_id,) in cur}


def prune_run(conn: connection, run_id: str, row_evidence: Iterable[Evidence], needed: bool = False) -> int | None:
    """Remove the run's outcomes and chunks; returns how many, None for a run that has begun again meanwhile.

    Its row stays, marked and with its counts, where it is `needed` or any of `row_evidence` holds; it goes with its
    checks otherwise. All of it is one transaction, which locks the run's own row: killed, it has done nothing.
    """
    with transaction(conn) as cur:
        cur.execute(_SETTINGS)
        if not _still(cur, run_id, "FOR UPDATE"):
            return None
        cur.execute(f"SELECT {any_of(row_evidence)} FROM runs r WHERE run_id = %(run)s", {"run": run_id})  # noqa: S608
        stays = needed or cur.fetchall()[0][0]
        cur.execute(_MARK, {"run": run_id})
        rows = 0
        for table in ("outcomes", "chunks", "listings"):
            cur.execute(f"DELETE FROM {table} WHERE run_id = %s", [run_id])  # noqa: S608 - constants
            rows += cur.rowcount
        if not stays:
            cur.execute("DELETE FROM runs WHERE run_id = %s", [run_id])
        return rows


def _still(cur: cursor, run_id: str, lock: str) -> bool:
    """Whether the run is there and at rest."""
    condition = IN_PROGRESS.condition
    cur.execute(f"SELECT FROM runs r WHERE run_id = %s AND ({condition}) IS NOT TRUE {lock}", [run_id])
    return cur.rowcount == 1

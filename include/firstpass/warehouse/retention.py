"""Which runs are old enough, or too many, and what keeps them all the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg2.extensions import connection

from firstpass.contracts.pruned import RUN_KINDS, Prunable
from firstpass.warehouse.connection import transaction
from firstpass.warehouse.evidence import Evidence

# A run's rank is its place among the finished runs of its source, or among all of them for one that did not finish: a
# week of failures pushes no good run out, and does not stay for ever itself.
_RUNS = """
SELECT r.run_id, r.started_at, r.rank, r.removed, ARRAY[{evidence}]::boolean[]
FROM (
    SELECT *, CASE WHEN state IN ('success', 'partial') THEN 1 + count(*) FILTER (WHERE state IN ('success', 'partial'))
                       OVER (newest ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
                   ELSE row_number() OVER newest END AS rank
    FROM runs
    WINDOW newest AS (PARTITION BY source ORDER BY started_at DESC, run_id DESC)
) r
WHERE r.pruned_at IS NULL
ORDER BY r.started_at, r.run_id
"""


@dataclass(frozen=True, slots=True)
class Limit:
    """How long something is kept, in days, and for how many runs of each source. 0: no such limit."""

    days: int
    runs: int = 0

    def exceeded(self, age: timedelta, rank: int) -> bool:
        """Whether something of this age, of the `rank`-newest run of its source, is not kept any more."""
        return 0 < self.days < age / timedelta(days=1) or 0 < self.runs < rank


@dataclass(frozen=True, slots=True)
class ExpiredRun:
    """A run of which something has expired. going: what is removed. kept: what stays all the same → why."""

    run_id: str
    started_at: datetime
    going: frozenset[Prunable]
    kept: dict[Prunable, str]


def expired_runs(
    conn: connection, limits: Mapping[Prunable, Limit], evidence: Iterable[Evidence], newest: int, now: datetime
) -> list[ExpiredRun]:
    """The runs of which a limit is exceeded, the oldest first; what a prune took already is left out.

    newest: the newest this many runs of each source keep everything. A run whose folder goes loses its files with it.
    Reads one row per run that is not pruned.
    """
    evidence = list(evidence)
    conditions = ", ".join(f"({each.condition}) IS TRUE" for each in evidence)
    with transaction(conn) as cur:
        cur.execute(_RUNS.format(evidence=conditions), {"newest": newest})
        rows = cur.fetchall()
    found = []
    for run_id, started_at, rank, removed, holds in rows:
        found_here = [each for each, there in zip(evidence, holds, strict=True) if there]
        expired = [kind for kind in RUN_KINDS if kind not in removed and limits[kind].exceeded(now - started_at, rank)]
        kept = {kind: each.reason for kind in expired for each in reversed(found_here) if kind in each.keeps}
        if expired:
            found.append(ExpiredRun(run_id, started_at, frozenset(expired) - kept.keys(), kept))
    return found

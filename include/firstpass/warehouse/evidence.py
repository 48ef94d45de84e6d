"""What keeps a run from being pruned: a reason in words, and a condition in SQL.

Each room names what rests on a run in its own tables; `nightly.prune` puts the lists together. Whoever adds evidence
that rests on runs adds a line here or in a room of its own, and the dry run says why something stays.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from firstpass.contracts.pruned import RUN_KINDS, Prunable


@dataclass(frozen=True, slots=True)
class Evidence:
    """Something that rests on a run.

    reason: completes "the run stays because it …". condition: SQL about the row `r` of runs, to which `retention` adds
    `rank`, its place among the runs of its source. keeps: what of the run stays; empty: its row alone, when everything
    else of it goes.
    """

    reason: str
    condition: str
    keeps: frozenset[Prunable]


# A stage that was cleared in Airflow runs again while the run's state still says how it had ended. One that nothing was
# heard of for a week was ended from outside.
IN_PROGRESS = Evidence(
    "is in progress",
    "r.state = 'running' OR r.stage IS NOT NULL AND r.state <> 'failed' AND r.stage_began > now() - interval '7 days'",
    frozenset(RUN_KINDS),
)

EVIDENCE = (
    IN_PROGRESS,
    Evidence("is one of the newest of its source", "r.rank <= %(newest)s", frozenset(RUN_KINDS)),
    Evidence(
        "has a chunk that was never merged",
        "EXISTS (SELECT FROM chunks c WHERE c.run_id = r.run_id AND c.state = 'planned')",
        frozenset({Prunable.RESULTS}),
    ),
    Evidence(
        "is the one that the next run over its images is compared with",
        "r.run_id IN (SELECT DISTINCT ON (b.source, split_part(b.model, '@', 1)) b.run_id FROM runs b"
        " WHERE b.state IN ('success', 'partial') AND EXISTS ("
        "  SELECT FROM chunks c WHERE c.run_id = b.run_id AND c.state = 'merged' AND c.images > 0)"
        " ORDER BY b.source, split_part(b.model, '@', 1), b.started_at DESC, b.run_id DESC)",
        frozenset({Prunable.RUNS}),
    ),
)
"""What the warehouse's own tables know of."""

# Asked before the run's outcomes go, through which its predictions are found: an index of predictions by run would slow
# down every merge.
ROW_EVIDENCE = (
    Evidence(
        "inferred a prediction that is stored: its checks hold for it",
        "EXISTS (SELECT FROM outcomes o JOIN predictions p ON p.sha256 = o.sha256 AND p.model = r.model"
        " WHERE o.run_id = r.run_id AND o.outcome IN ('ok', 'empty') AND p.run_id = r.run_id)",
        frozenset(),
    ),
)
"""What rests on a run's row when everything else of it goes. So do images: see `pruning.seen_last_by`."""


def any_of(evidence: Iterable[Evidence]) -> str:
    """One condition in SQL: whether there is any of it."""
    return " OR ".join(f"({each.condition})" for each in evidence)

"""What publishing keeps from being pruned. See `warehouse.evidence`."""

from __future__ import annotations

from firstpass.contracts.pruned import Prunable
from firstpass.warehouse.evidence import Evidence

_RUN = frozenset({Prunable.RUNS})

EVIDENCE = (
    Evidence(
        "is being published, or waits for it",
        "EXISTS (SELECT FROM publications p WHERE p.run_id = r.run_id AND p.state IN ('running', 'waiting', 'failed'))",
        _RUN,
    ),
    # Withdrawing needs the run's frames: some of its shapes may have been sent by an earlier run. A frame that is kept
    # is a person's now, and nothing of it will ever be withdrawn.
    Evidence(
        "has drafts in CVAT",
        "EXISTS (SELECT FROM publications p JOIN shape_ledger l ON l.server = p.server AND l.task = p.task"
        " AND l.model = p.model AND l.state <> 'kept' WHERE p.run_id = r.run_id AND p.state <> 'withdrawn')"
        " OR EXISTS (SELECT FROM shape_ledger l WHERE l.run_id = r.run_id AND l.state <> 'kept')",
        _RUN,
    ),
    # As long as `runs_to_publish` looks back.
    Evidence(
        "may yet be published",
        "r.spec @> '{\"publish\": true}' AND r.images_uri LIKE 'cvat:%%' AND r.started_at > now() - interval '7 days'",
        _RUN,
    ),
)
"""What rests on a run that is or was published."""

ROW_EVIDENCE = (
    Evidence(
        "was published once: what is on a frame is ranked by its run",
        "EXISTS (SELECT FROM publications p WHERE p.run_id = r.run_id)"
        " OR EXISTS (SELECT FROM shape_ledger l WHERE l.run_id = r.run_id)",
        frozenset(),
    ),
)
"""What rests on a run's row when everything else of it goes."""

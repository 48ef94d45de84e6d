"""What a prune removes, or would remove: the kinds of things that pile up, and one account of each."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Prunable(StrEnum):
    """The kinds of things that `firstpass prune` removes."""

    RESULTS = "results"  # a run's catalogue, chunk manifests and chunk results
    REPORTS = "reports"
    DATA_DOCS = "data_docs"
    RUNS = "runs"  # a run's outcomes and chunks, and its folder
    PREDICTIONS = "predictions"  # of model versions that no run is kept of, and current for no image
    LOGS = "logs"  # Airflow's
    AIRFLOW = "airflow"  # Airflow's own records


RUN_KINDS = (Prunable.RESULTS, Prunable.REPORTS, Prunable.DATA_DOCS, Prunable.RUNS)
"""Those that belong to a run, the narrowest first."""


@dataclass(slots=True)
class PrunedKind:
    """What was removed of one kind, or would be.

    items: runs, for RUN_KINDS; else predictions, log folders, rows. files, bytes: of files. rows: in a database; None
    where nobody counted them. oldest, newest: of the items. kept: reason → items that are old enough to go and stay.
    failed: item → why it could not be removed. note: a sentence about the kind as a whole; empty when all is well.
    """

    kind: Prunable
    items: int = 0
    files: int = 0
    bytes: int = 0
    rows: int | None = 0
    oldest: datetime | None = None
    newest: datetime | None = None
    kept: Counter[str] = field(default_factory=Counter)
    failed: dict[str, str] = field(default_factory=dict)
    note: str = ""

    def add(self, at: datetime | None, files: int = 0, size: int = 0, rows: int = 0) -> None:
        """Count one more item, of this time."""
        self.items += 1
        self.files += files
        self.bytes += size
        if rows:
            self.count_rows(rows)
        if at is not None:
            self.oldest = min(filter(None, (self.oldest, at)))
            self.newest = max(filter(None, (self.newest, at)))

    def count_rows(self, rows: int) -> None:
        """Count rows that belong to several items."""
        self.rows = (self.rows or 0) + rows

    @property
    def sentence(self) -> str:
        """What became of it, for a log."""
        kept = "".join(f"; {items} kept: {reason}" for reason, items in self.kept.items())
        failed = f"; {len(self.failed)} could not be removed" if self.failed else ""
        note = f"; {self.note}" if self.note else ""
        size = f"{self.items} items, {self.files} files of {self.bytes} bytes, {self.rows or 0} rows"
        return f"{self.kind}: {size}{kept}{failed}{note}"

    def to_json(self) -> dict[str, Any]:
        """All of it, ready for JSON; times in ISO's format."""
        times = {name: at and at.isoformat() for name, at in (("oldest", self.oldest), ("newest", self.newest))}
        return asdict(self) | {"kind": str(self.kind), "kept": dict(self.kept)} | times

"""A run without a report, as its page tells it: that it is under way, or that it failed, why, and what to do."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from firstpass.contracts.run_error import RunError
from firstpass.contracts.run_standing import Standing
from firstpass.contracts.stages import STAGES
from firstpass.errors import FirstpassError
from firstpass.warehouse.connection import connect
from firstpass.warehouse.run_list import listed_run
from firstpass.warehouse.run_summary import run_summary

_DAG = "preannotate"


@dataclass(frozen=True, slots=True)
class RunPage:
    """What is known of a run, as far as it came.

    stage: the one that failed or is under way. stages: each with what became of it (done, failed, running, no
    result, not begun) and its seconds. summary: as `run_summary` gives it; None where the warehouse could not be asked
    or never heard of the run, and so is `started_at`. report_removed, pruned_at: what a prune took of it.
    """

    run_id: str
    standing: Standing
    stage: str | None
    error: RunError | None
    started_at: datetime | None
    stages: tuple[tuple[str, str, float | None], ...]
    summary: dict[str, Any] | None
    report_removed: bool = False
    pruned_at: datetime | None = None

    @property
    def ended_well(self) -> bool:
        """Whether its report tells how it ended."""
        return self.standing not in ("failed", "running")


def run_page(run_id: str) -> RunPage | None:
    """What the warehouse knows of a run, else what the failed stage left word of in storage; None where neither does.

    Raises FirstpassError, as `connect` does, when the warehouse is away and storage has no word either.
    """
    try:
        with closing(connect(patience=2)) as conn:
            listed = listed_run(conn, run_id)
            summary = run_summary(conn, run_id, most_quarantined=0) if listed else None
    except FirstpassError:
        if (word := RunError.load(run_id)) is None:
            raise
        return _from_word(run_id, word)
    if listed is None or summary is None:
        word = RunError.load(run_id)
        return _from_word(run_id, word) if word else None
    error = listed.error or (RunError.load(run_id) if listed.state == "failed" else None)
    stage = error.stage if error and listed.state == "failed" else listed.stage
    stages = _stages(summary["seconds_per_stage"], stage, listed.state)
    gone = listed.pruned_at is not None or "reports" in listed.removed
    return RunPage(run_id, listed.standing, stage, error, listed.started_at, stages, summary, gone, listed.pruned_at)


def airflow_links(base: str, run_id: str, stage: str | None) -> dict[str, str | None]:
    """Where Airflow shows the run, and the log of the stage (None without one); `base` is the path of its pages."""
    run = f"{base}/dags/{_DAG}/runs/{quote(run_id, safe='')}"
    return {"run": run, "log": f"{run}/tasks/{stage}" if stage in STAGES else None}


def _from_word(run_id: str, word: RunError) -> RunPage:
    return RunPage(run_id, "failed", word.stage, word, None, _stages({}, word.stage, "failed"), None)


def _stages(seconds: dict[str, float], stage: str | None, state: str) -> tuple[tuple[str, str, float | None], ...]:
    here = state if state in ("failed", "running") else "done"
    last = max((STAGES.index(name) for name in STAGES if seconds.get(name) or name == stage), default=-1)
    told: list[tuple[str, str, float | None]] = []
    for place, name in enumerate(STAGES):
        took = seconds.get(name) or None
        became = here if name == stage else "done" if took else "no result" if place < last else "not begun"
        told.append((name, became, took))
    return tuple(told)

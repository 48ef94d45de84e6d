"""A short word about a run that somebody should look at: which, when and what; `notifiers` deliver it.

For Airflow's callbacks: `run_succeeded` and `run_failed` on the DAG, `deadline_missed` on its deadline. They never
raise: what cannot be delivered is logged. Importing this is cheap: DAG files do.
"""

from __future__ import annotations

import logging
from contextlib import closing
from typing import Any
from urllib.parse import quote

from firstpass import entry_points
from firstpass.airflow.callback_context import run_id_of
from firstpass.contracts.notification import Notification, Notifier
from firstpass.contracts.run_error import RunError
from firstpass.settings import settings

GROUP = "firstpass.notifiers"

log = logging.getLogger("firstpass")


def wanted() -> bool:
    """Whether anybody is to be told: a notifier is configured."""
    return bool(_configured())


def run_succeeded(context: dict[str, Any]) -> None:
    """The run came to its end.

    Says something only if a check did not hold, none was made, or images were left undone.
    """
    run_id = run_id_of(context)
    told = _told(run_id)
    if told is not None and (told["verdict"] not in ("passed", "nothing to check") or told["undone"]):
        event = "held back" if told["verdict"] == "failed" else "warnings"
        deliver(_notification(event, run_id, told))


def run_failed(context: dict[str, Any]) -> None:
    """The run failed: which stage, and what to do about it."""
    run_id = run_id_of(context)
    deliver(_notification("failed", run_id, _told(run_id)))


def deadline_missed(context: dict[str, Any] | None = None, **_: Any) -> None:
    """The run has not ended in time and continues. Says nothing about one that failed meanwhile: `run_failed` did."""
    context = context or {}
    run = context.get("dag_run")
    if isinstance(run, dict) and run.get("state") in ("success", "failed"):
        return
    run_id = run_id_of(context)
    deliver(_notification("late", run_id, _told(run_id)))


def deliver(notification: Notification) -> None:
    """Send by every notifier that is configured; by none where none is."""
    from airflow.sdk.log import redact  # type: ignore[attr-defined]  # it has no other public home

    for notifier in _configured():
        try:
            notifier.send(notification)
        except Exception as error:  # a notification is never worth a run
            log.error("could not send %r: %s: %s", notification.title, type(error).__name__, redact(str(error)))


def _configured() -> list[Notifier]:
    found: list[Notifier] = list(entry_points.parts(GROUP, _is_notifier).found.values())
    return [notifier for notifier in found if notifier.configured()]


def _is_notifier(part: Any) -> bool:
    return callable(getattr(part, "send", None)) and callable(getattr(part, "configured", None))


def _notification(event: str, run_id: str, told: dict[str, Any] | None) -> Notification:
    told = told or {"title": "Nothing is known of this run", "lines": (), "facts": {}, "error": None}
    title = {
        "failed": "Pre-annotation failed",
        "late": "Pre-annotation is late",
    }.get(event, f"Pre-annotation: {told['title']}")
    more = _failure(run_id, told["error"]) if event == "failed" else _lateness() if event == "late" else ()
    lines = (*told["lines"], *more, f"Run {run_id}")
    return Notification(event, run_id, title, lines, report_url(run_id), told["facts"])


def _told(run_id: str) -> dict[str, Any] | None:
    """The warehouse's word on the run; None when it has none or cannot be asked."""
    from firstpass.report.headline import headline
    from firstpass.warehouse.connection import connect
    from firstpass.warehouse.run_summary import run_summary
    from firstpass.warehouse.verdicts import load_verdict

    try:
        with closing(connect(patience=5)) as conn:
            summary, verdict = run_summary(conn, run_id, most_quarantined=0), load_verdict(conn, run_id)
    except Exception as error:  # an unknown run, or the warehouse is what failed
        log.warning("no summary of run %s: %s", run_id, error)
        return None
    title, checks = headline(summary, verdict)
    failures = verdict.failures if verdict else ()
    said = (checks, *(f"{r.severity}: {r.sentence} Found: {r.observed}." for r in failures[:5])) if verdict else ()
    undone = (f"{summary['left_undone']}.",) if summary["left_undone"] else ()
    names = ("images", "new_drafts", "empty", "unreadable", "skipped_known", "duplicates", "failed", "undone")
    return {
        "title": title,
        "verdict": verdict.state if verdict else None,
        "undone": bool(summary["left_undone"]),
        "error": summary["error"],
        "lines": (*undone, *said),
        "facts": {name: summary[name] for name in ("model", "verdict", "checks", "devices")}
        | {name: summary[name] for name in names},
    }


def _failure(run_id: str, recorded: dict[str, Any] | None) -> tuple[str, ...]:
    """What the failed stage left word of: in the run's folder, else in the warehouse."""
    error = RunError.load(run_id) or (RunError(**recorded) if recorded else None)
    if error is None:
        return ("See the run's tasks in Airflow.",)
    return (f"{error.stage}: {error.problem}", f"What to do: {error.fix}")


def _lateness() -> tuple[str, ...]:
    return (f"It should have ended within {settings().deadline_minutes} minutes and is still running.",)


def report_url(run_id: str) -> str:
    """Where a person, logged in to Airflow, finds the run's report."""
    from airflow.configuration import conf

    base = conf.get("api", "base_url", fallback="").rstrip("/") or f"http://127.0.0.1:{settings().port}"
    return f"{base}/pre-annotation/report?run={quote(run_id, safe='')}"

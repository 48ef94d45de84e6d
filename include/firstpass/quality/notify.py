"""A short word about a run that somebody should look at, by e-mail and to a webhook.

For Airflow's callbacks: `run_succeeded` and `run_failed` on the DAG, `deadline_missed` on its deadline. They use
Airflow's own notifiers with connections named in the settings, and never raise: what cannot be delivered is logged.
Nothing goes through Airflow's templates, because a run's id may be anything. Importing this is cheap: DAG files do.
"""

from __future__ import annotations

import json
import logging
from contextlib import closing
from dataclasses import asdict, dataclass, field
from html import escape
from typing import Any
from urllib.parse import quote, urlsplit

from firstpass.settings import settings

log = logging.getLogger("firstpass")

_SECONDS = 20  # that a webhook may take to answer


@dataclass(frozen=True, slots=True)
class Message:
    """What is said: a title, a few lines, where to look; `facts` are for machines.

    event: warnings, held back (a critical check failed), failed or late.
    """

    event: str
    run_id: str
    title: str
    lines: tuple[str, ...]
    url: str
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def html(self) -> str:
        """The body of an e-mail."""
        lines = "".join(f"<p>{escape(line)}</p>" for line in self.lines)
        return f'<h2>{escape(self.title)}</h2>{lines}<p><a href="{escape(self.url)}">Open the report</a></p>'

    @property
    def payload(self) -> dict[str, Any]:
        """The webhook's JSON; `text` is what chat services show."""
        return {"text": "\n".join((self.title, *self.lines, self.url)), **asdict(self)}


def wanted() -> bool:
    """Whether anybody is to be told: the settings name an address or a webhook."""
    return bool(settings().notify_email or settings().notify_webhook_conn_id)


def run_succeeded(context: dict[str, Any]) -> None:
    """The run came to its end. Says something only if a check did not hold or images were left undone."""
    run_id = _run_id(context)
    told = _told(run_id)
    if told is not None and (told["verdict"] != "passed" or told["failed"]):
        event = "held back" if told["verdict"] == "failed" else "warnings"
        deliver(_message(event, run_id, told), context)


def run_failed(context: dict[str, Any]) -> None:
    """The run failed: which stage, and what to do about it."""
    run_id = _run_id(context)
    deliver(_message("failed", run_id, _told(run_id)), context)


def deadline_missed(context: dict[str, Any] | None = None, **_: Any) -> None:
    """The run has not ended in time; it goes on. Of one that failed in the meantime, `run_failed` has told."""
    context = context or {}
    run = context.get("dag_run")
    if isinstance(run, dict) and run.get("state") in ("success", "failed"):
        return
    run_id = _run_id(context)
    deliver(_message("late", run_id, _told(run_id)), context)


def deliver(message: Message, context: dict[str, Any]) -> None:
    """Send by every way that the settings name; by none when they name none."""
    from airflow.sdk.log import redact  # type: ignore[attr-defined]  # it has no other public home

    for way in (_mail, _webhook):
        try:
            way(message, context)
        except Exception as error:  # a notification is never worth a run
            log.error("could not send %r: %s: %s", message.title, type(error).__name__, redact(str(error)))


def _mail(message: Message, context: Any) -> None:
    to = [address.strip() for address in settings().notify_email.split(",") if address.strip()]
    if to:
        from airflow.providers.smtp.notifications.smtp import SmtpNotifier

        connection = settings().notify_email_conn_id
        SmtpNotifier(to=to, subject=message.title, html_content=message.html, smtp_conn_id=connection).notify(context)


def _webhook(message: Message, context: Any) -> None:
    if connection := settings().notify_webhook_conn_id:
        from airflow.providers.http.notifications.http import HttpNotifier
        from airflow.sdk import BaseHook
        from airflow.sdk.log import mask_secret

        # Whoever knows a chat service's address may write there, and errors quote addresses.
        mask_secret(urlsplit(BaseHook.get_connection(connection).host or "").path.strip("/"))
        options = {"timeout": _SECONDS}
        HttpNotifier(http_conn_id=connection, json=message.payload, extra_options=options).notify(context)


def _message(event: str, run_id: str, told: dict[str, Any] | None) -> Message:
    told = told or {"title": "Nothing is known of this run", "lines": (), "facts": {}}
    title = {
        "failed": "Pre-annotation failed",
        "late": "Pre-annotation is late",
    }.get(event, f"Pre-annotation: {told['title']}")
    more = _failure(run_id) if event == "failed" else _lateness() if event == "late" else ()
    return Message(event, run_id, title, (*told["lines"], *more, f"Run {run_id}"), report_url(run_id), told["facts"])


def _told(run_id: str) -> dict[str, Any] | None:
    """The warehouse's word on the run; None when it has none or cannot be asked."""
    from firstpass.quality.results import load
    from firstpass.quality.words import headline
    from firstpass.warehouse.connection import connect
    from firstpass.warehouse.summary import run_summary

    try:
        with closing(connect(patience=5)) as conn:
            summary, verdict = run_summary(conn, run_id, most_quarantined=0), load(conn, run_id)
    except Exception as error:  # an unknown run, or the warehouse is what failed
        log.warning("no summary of run %s: %s", run_id, error)
        return None
    title, checks = headline(summary, verdict)
    failures = verdict.failures if verdict else ()
    said = (checks, *(f"{r.severity}: {r.sentence} Found: {r.observed}." for r in failures[:5])) if verdict else ()
    names = ("images", "detections", "empty", "unreadable", "skipped_known", "duplicates", "failed")
    return {
        "title": title,
        "verdict": verdict.state if verdict else None,
        "failed": summary["failed"],
        "lines": said,
        "facts": {"model": summary["model"], "verdict": verdict.state if verdict else None}
        | {name: summary[name] for name in names},
    }


def _failure(run_id: str) -> tuple[str, ...]:
    """What the failed stage left word of in the run's folder."""
    from firstpass import storage
    from firstpass.chunks.run import run_folder

    try:
        note = json.loads(storage.read(storage.join(run_folder(run_id), "error.json")))
        return (f"{note['stage']}: {note['problem']}", f"What to do: {note['fix']}")
    except (OSError, ValueError, KeyError):
        return ("See the run's tasks in Airflow.",)


def _lateness() -> tuple[str, ...]:
    return (f"It was to end within {settings().deadline_minutes} minutes, and goes on.",)


def report_url(run_id: str) -> str:
    """Where a person, logged in to Airflow, finds the run's report."""
    from airflow.configuration import conf

    base = conf.get("api", "base_url", fallback="").rstrip("/") or f"http://127.0.0.1:{settings().port}"
    return f"{base}/pre-annotation/report?run={quote(run_id, safe='')}"


def _run_id(context: dict[str, Any]) -> str:
    """From a task's context, a DAG's or a deadline's: they differ."""
    run = context.get("dag_run")
    found = context.get("run_id") or (run.get("dag_run_id") or run.get("run_id") if isinstance(run, dict) else None)
    return str(found or getattr(run, "run_id", ""))

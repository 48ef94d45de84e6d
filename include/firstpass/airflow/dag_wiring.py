"""What the DAG files share: when they run, which failures are retried, who is told about a night, its parameters.

Imports Airflow, as they do; nothing but a DAG file imports this.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import (  # type: ignore[attr-defined]  # its stub leaves out deadlines and callbacks
    CronTriggerTimetable,
    DeadlineAlert,
    DeadlineReference,
    ExceptionRetryPolicy,
    Param,
    RetryAction,
    RetryRule,
    SyncCallback,
    get_parsing_context,
)

from firstpass.airflow import connections, failed_runs, notifications
from firstpass.settings import settings

connections.register()  # every task's process reads its DAG file, and so this


def at(cron: str) -> CronTriggerTimetable:
    """At these times in UTC, from the next one on.

    With a start date in the past, or without `run_immediately`, a new installation would begin with the last one.
    """
    return CronTriggerTimetable(cron, timezone="UTC", run_immediately=timedelta(0))


def night_callbacks() -> dict[str, Any]:
    """A night's callbacks and deadline, as arguments of its DAG. Airflow starts a process for each run's callbacks.

    So a run that succeeded has none where nobody is to be told. One that failed is recorded as failed in any case.
    """
    if not notifications.wanted():
        return {"on_failure_callback": failed_runs.record_failure}
    return {
        "on_success_callback": notifications.run_succeeded,
        "on_failure_callback": [failed_runs.record_failure, notifications.run_failed],
        "deadline": DeadlineAlert(
            reference=DeadlineReference.DAGRUN_QUEUED_AT,
            interval=timedelta(minutes=settings().deadline_minutes),
            callback=SyncCallback(notifications.deadline_missed),
        ),
    }


def with_patience(work: timedelta, waits: int = 1) -> timedelta:
    """A timeout for so much work, with room for what a task may wait: `waits` times FIRSTPASS_WAIT_MINUTES."""
    return work + waits * timedelta(minutes=settings().wait_minutes)


RETRY_POLICY = ExceptionRetryPolicy(
    rules=[
        RetryRule(
            exception="firstpass.errors.Unavailable", action=RetryAction.RETRY, reason="was waited for, may come back"
        ),
        RetryRule(exception="firstpass.errors.FirstpassError", action=RetryAction.FAIL, reason="needs a person"),
    ]
)
"""For every task: an error that only a person can fix is not retried.

What is away is waited for within a try (`firstpass.waiting`), which no rule of Airflow's could do: each of its retries
uses one up. So tries are left for what fails differently; an outage that outlasts the waiting begins the next one.
"""

ENGINES = ["kubernetes", "local"] if settings().engine == "kubernetes" else ["local"]

NIGHT = {
    "images": Param(
        settings().images,
        type="string",
        minLength=1,
        maxLength=1024,
        title="Images",
        description_md="A folder on the server or `s3://bucket/prefix`, including everything below it; or"
        " `cvat:task/12`, `cvat:project/3?status=annotation`.",
        section="What to annotate",
    ),
    "reprocess": Param(
        False,
        type="boolean",
        title="Re-infer known images",
        description_md="Infer again what this model inferred before; replace its drafts.",
        section="What to annotate",
    ),
    "publish": Param(
        True,
        type="boolean",
        title="Publish to CVAT",
        description_md="For images from CVAT: `publish` puts the drafts into their tasks if the checks passed.",
        section="What to annotate",
    ),
    "model": Param(
        settings().model,
        type="string",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}(@[0-9a-f]{4,64})?$",
        title="Model",
        description_md="`name` for its newest admitted version, `name@version` for a specific one.",
        section="Model",
    ),
    "threshold": Param(
        settings().threshold,
        type=["null", "number"],
        # With `minimum` and `maximum` beside `type`, the form would make 1 of 40 without a word. The server refuses it.
        allOf=[{"minimum": 0, "maximum": 1}],
        title="Threshold",
        description_md="From 0 to 1. Detections of this score or more become drafts. Empty: the model's own.",
        section="Model",
    ),
    "class_thresholds": Param(
        {},
        type="object",
        additionalProperties={"type": "number", "minimum": 0, "maximum": 1},
        title="Thresholds per class",
        description_md='Thresholds of single classes, from 0 to 1: `{"person": 0.6}`.',
        section="Model",
    ),
    "engine": Param(
        settings().engine,
        type="string",
        enum=ENGINES,
        title="Engine",
        description_md="Where chunks run: on this machine, or each in a pod of the cluster (FIRSTPASS_ENGINE).",
        section="Where",
    ),
}
"""The parameters of `preannotate`, as its trigger form shows them."""


def pods_wanted() -> bool:
    """Whether this reading of `preannotate` needs the task `infer_in_pod`: its operator takes seconds to import.

    It does where kubernetes is the configured engine: for the whole DAG, and for the two tasks that know of pods. Every
    other task reads the file too, and does without.
    """
    return "kubernetes" in ENGINES and get_parsing_context().task_id in (None, "choose_engine", "infer_in_pod")

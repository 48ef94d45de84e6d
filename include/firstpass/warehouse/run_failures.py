"""Runs that fail: recorded before anything can go wrong, and with the reason when it does."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from psycopg2.extensions import connection
from psycopg2.extras import Json

from firstpass.contracts.run_error import RunError
from firstpass.images.sources import one_spelling
from firstpass.settings import settings
from firstpass.warehouse.connection import transaction

_SILENT_HOURS = 24  # and what a run may wait: Airflow ends it long before


def record_request(conn: connection, run_id: str, images: str, model: str, asked: dict[str, Any]) -> None:
    """Record what was asked for, before any of it is looked at: state `running`, no model version yet.

    asked: all parameters as they came. A run that is recorded already stays as it is; `begin_run` opens it again.
    """
    with transaction(conn) as cur:
        cur.execute(
            "INSERT INTO runs (run_id, asked_model, images_uri, source, spec, state, stages, started_at)"
            " VALUES (%s, %s, %s, %s, %s, 'running', '{}', now()) ON CONFLICT DO NOTHING",
            [run_id, _text(model), _text(images), _text(one_spelling(images)), _json(asked)],
        )


def begin_stage(conn: connection, run_id: str, stage: str) -> None:
    """Note that a stage is under way. A run that had failed is running again; why it failed stays until it works."""
    with transaction(conn) as cur:
        cur.execute(
            "UPDATE runs SET stage = %s, stage_began = now(),"
            " state = CASE state WHEN 'failed' THEN 'running' ELSE state END,"
            " finished_at = CASE state WHEN 'failed' THEN NULL ELSE finished_at END WHERE run_id = %s",
            [stage, run_id],
        )


def note_wait(conn: connection, run_id: str, error: RunError) -> None:
    """Note what a stage waits for. The run goes on."""
    with transaction(conn) as cur:
        cur.execute("UPDATE runs SET error = %s WHERE run_id = %s", [_json(asdict(error)), run_id])


def fail_run(conn: connection, run_id: str, error: RunError) -> None:
    """Close the run as failed, for this reason."""
    with transaction(conn) as cur:
        cur.execute(
            "UPDATE runs SET state = 'failed', finished_at = now(), error = %s WHERE run_id = %s",
            [_json(asdict(error)), run_id],
        )


def record_lost_run(conn: connection, run_id: str, error: RunError, asked: dict[str, Any]) -> None:
    """Close a run as failed whose end nobody told, if nothing else has closed it; record it if nothing has.

    One that was closed otherwise is left alone unless a stage of it is still under way: its report was never written.
    error: a reason for want of a better one: what a stage left word of stays, and so does the stage that was under way.
    asked: its parameters, `images` and `model` among them.
    """
    record_request(conn, run_id, asked["images"], asked["model"], asked)
    with transaction(conn) as cur:
        cur.execute(
            "UPDATE runs SET state = 'failed', finished_at = now(),"
            " error = %s::jsonb || jsonb_build_object('stage', coalesce(stage, %s::text))"
            " WHERE run_id = %s AND CASE state WHEN 'failed' THEN error IS NULL"
            " ELSE state = 'running' OR stage IS NOT NULL END",
            [_json(asdict(error)), error.stage, run_id],
        )


def fail_silent_runs(conn: connection) -> list[str]:
    """Close runs as failed of which nothing was heard for a day: their end was never told. Returns their ids.

    What may be spent waiting comes on top.
    """
    problem = "nothing was heard of this run for a day: it was ended from outside, and its end was never recorded"
    word = RunError("", problem, "see its tasks in Airflow, and run it again")
    with transaction(conn) as cur:
        cur.execute(
            "UPDATE runs r SET state = 'failed', finished_at = now(),"
            " error = %(word)s::jsonb || jsonb_build_object('stage', coalesce(stage, ''))"
            " WHERE state = 'running' AND coalesce(stage_began, started_at) < now() - %(silent)s::interval"
            " AND NOT EXISTS"
            " (SELECT FROM chunks c WHERE c.run_id = r.run_id AND c.changed_at > now() - %(silent)s::interval)"
            " RETURNING run_id",
            {"word": _json(asdict(word)), "silent": f"{_SILENT_HOURS * 60 + 4 * settings().wait_minutes} minutes"},
        )
        return [str(row[0]) for row in cur]


def failure_of(conn: connection, run_id: str) -> RunError | None:
    """Why a run failed, or why the last try of the stage that is under way did; None where nothing is known."""
    with transaction(conn) as cur:
        cur.execute("SELECT error FROM runs WHERE run_id = %s AND error IS NOT NULL", [run_id])
        row = cur.fetchone()
    return RunError(**row[0]) if row else None


def stage_under_way(conn: connection, run_id: str) -> str:
    """The stage that began and has not ended, or that failed; empty where there is none, and for an unknown run."""
    with transaction(conn) as cur:
        cur.execute("SELECT coalesce(stage, '') FROM runs WHERE run_id = %s", [run_id])
        row = cur.fetchone()
    return str(row[0]) if row else ""


def _text(value: Any) -> str:
    """As PostgreSQL can hold it: without zero bytes and halves of characters, which no good name has."""
    return str(value).replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


def _json(value: dict[str, Any]) -> Json:
    return Json(value, dumps=lambda each: json.dumps(_clean(each), default=str))


def _clean(value: Any) -> Any:
    if isinstance(value, dict):
        return {_text(name): _clean(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(each) for each in value]
    return _text(value) if isinstance(value, str) else value

"""A run's row in the warehouse, from its start to its end."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg2.extensions import connection
from psycopg2.extras import Json

from firstpass.contracts.model_version import ModelVersion
from firstpass.contracts.run_spec import RunSpec
from firstpass.contracts.thresholds import Thresholds
from firstpass.errors import FirstpassError
from firstpass.images.sources import one_spelling
from firstpass.warehouse.connection import transaction
from firstpass.warehouse.model_versions import insert_model
from firstpass.warehouse.run_failures import failure_of


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run as the warehouse has it. model: `name@version`. state: running, success, partial or failed. spec: run.json.

    decided_at: when its model version was admitted.
    """

    run_id: str
    model: str
    images_uri: str
    state: str
    spec: dict[str, Any]
    decided_at: datetime
    started_at: datetime

    @property
    def thresholds(self) -> Thresholds:
        """Those that the run was asked for."""
        by_class = self.spec.get("class_thresholds") or {}
        return Thresholds(self.spec["threshold"], {int(class_id): score for class_id, score in by_class.items()})

    @property
    def rank(self) -> tuple[datetime, datetime]:
        """Greater for newer model versions, then for later runs."""
        return self.decided_at, self.started_at


def begin_run(conn: connection, spec: RunSpec, version: ModelVersion) -> None:
    """Open the run, state `running`. A run that was open or ended already is opened again with what `spec` now says."""
    with transaction(conn) as cur:
        insert_model(cur, version)
        cur.execute(
            "INSERT INTO runs (run_id, model, asked_model, threshold, class_thresholds, floor, images_uri, source,"
            " spec, state, stages, started_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, 'running', '{}', %s)"
            " ON CONFLICT (run_id) DO UPDATE SET model = excluded.model, threshold = excluded.threshold,"
            " class_thresholds = excluded.class_thresholds, floor = excluded.floor, images_uri = excluded.images_uri,"
            " source = excluded.source, spec = excluded.spec, state = 'running', stages = '{}',"
            " started_at = excluded.started_at, finished_at = NULL, removed = '{}', pruned_at = NULL,"
            " outcome_counts = NULL",
            [
                spec.run_id,
                spec.model,
                spec.model,
                spec.thresholds.default,
                Json({str(class_id): score for class_id, score in spec.thresholds.by_class.items()}),
                spec.floor,
                spec.images,
                one_spelling(spec.images),
                Json(spec.to_dict()),
                spec.started_at,
            ],
        )


def record_stage(conn: connection, run_id: str, stage: str, seconds: float) -> None:
    """Note how long a stage took. What an earlier try of it failed with is over: the run is running again."""
    with transaction(conn) as cur:
        cur.execute(
            "UPDATE runs SET stages = stages || %s, state = CASE state WHEN 'failed' THEN 'running' ELSE state END,"
            " finished_at = CASE state WHEN 'failed' THEN NULL ELSE finished_at END, stage = NULL, error = NULL"
            " WHERE run_id = %s",
            [Json({stage: seconds}), run_id],
        )


def record_plan(conn: connection, run_id: str, chunks: int) -> None:
    """Note that the run has chunks 0 to `chunks` - 1, so that one that never arrives is missed.

    What an earlier plan of the same run left beyond that is deleted.
    """
    with transaction(conn) as cur:
        cur.execute("DELETE FROM outcomes WHERE run_id = %s AND chunk >= %s", [run_id, chunks])
        cur.execute("DELETE FROM chunks WHERE run_id = %s AND chunk >= %s", [run_id, chunks])
        cur.execute(
            "INSERT INTO chunks (run_id, chunk, state) SELECT %s, n, 'planned' FROM generate_series(0, %s) AS n"
            " ON CONFLICT DO NOTHING",
            [run_id, chunks - 1],
        )


def finish_run(conn: connection, run_id: str, state: str) -> None:
    """Close the run: `success`, or `partial` (images were left undone: see `undone`).

    One that failed is closed by `run_failures.fail_run`, with the reason.
    """
    with transaction(conn) as cur:
        cur.execute("UPDATE runs SET state = %s, finished_at = now() WHERE run_id = %s", [state, run_id])


def latest_run(conn: connection) -> str | None:
    """The id of the run that started last; None before the first.

    One that failed before it had a model is passed over: there is nothing of it to show, to export or to publish.
    """
    with transaction(conn) as cur:
        cur.execute("SELECT run_id FROM runs WHERE model IS NOT NULL ORDER BY started_at DESC, run_id DESC LIMIT 1")
        row = cur.fetchone()
    return str(row[0]) if row else None


def find_run(conn: connection, run_id: str) -> str:
    """The run that a person means: an id, or `latest`. Raises FirstpassError, naming the newest runs, for any other."""
    if run_id == "latest":
        latest = latest_run(conn)
        if latest is None:
            raise FirstpassError("there is no run yet", "start one with `make run` or `firstpass run`")
        return latest
    with transaction(conn) as cur:
        cur.execute("SELECT run_id FROM runs ORDER BY run_id = %s DESC, started_at DESC LIMIT 5", [run_id])
        ids = [str(row[0]) for row in cur.fetchall()]
    if run_id not in ids:
        known = f"one of the runs there are: latest, {', '.join(ids)}" if ids else "`firstpass run`: there is none yet"
        raise FirstpassError(f"there is no run {run_id!r}", f"use {known}")
    return run_id


def load_run(conn: connection, run_id: str) -> RunRecord:
    """The run that a person means: an id, or `latest`.

    Raises FirstpassError as `find_run` does, and for a run that failed before it had a model.
    """
    run_id = find_run(conn, run_id)
    for found in load_runs(conn, [run_id]):
        return found
    failure = failure_of(conn, run_id)
    raise FirstpassError(
        f"run {run_id} came to nothing: {failure.problem if failure else 'no model was chosen yet'}",
        failure.fix if failure else "wait until it has ended",
    )


def find_whole_run(conn: connection, run_id: str) -> str:
    """As `find_run`; raises FirstpassError also for a run that was pruned, and has no images any more."""
    run_id = find_run(conn, run_id)
    with transaction(conn) as cur:
        cur.execute("SELECT pruned_at FROM runs WHERE run_id = %s AND pruned_at IS NOT NULL", [run_id])
        for (pruned_at,) in cur:
            raise FirstpassError(
                f"run {run_id} was pruned on {pruned_at:%Y-%m-%d}: its outcomes and files were removed",
                "use a newer run; a new one over the same images infers nothing again whose prediction is stored",
            )
    return run_id


def load_whole_run(conn: connection, run_id: str) -> RunRecord:
    """As `load_run`; raises FirstpassError also for a run that was pruned, and has no images any more."""
    return load_run(conn, find_whole_run(conn, run_id))


def load_runs(conn: connection, run_ids: Collection[str]) -> list[RunRecord]:
    """Those of the runs that there are and that have a model."""
    with transaction(conn) as cur:
        cur.execute(
            "SELECT run_id, model, images_uri, state, spec, decided_at, started_at"
            " FROM runs JOIN models USING (model) WHERE run_id = ANY(%s::text[])",
            [list(run_ids)],
        )
        return [RunRecord(*row) for row in cur]


def runs_to_publish(conn: connection, schemes: Collection[str], days: int = 7) -> dict[str, list[int]]:
    """Run → CVAT tasks of its images, for the finished runs of the last days that were asked to publish.

    schemes: of image URIs that drafts can be brought back to. The oldest run comes first.
    """
    with transaction(conn) as cur:
        cur.execute(
            "SELECT r.run_id, t.tasks FROM runs r CROSS JOIN LATERAL ("
            "  SELECT array_agg(DISTINCT o.task) AS tasks FROM run_images o"
            "  WHERE o.run_id = r.run_id AND o.task IS NOT NULL) t"
            " WHERE r.state IN ('success', 'partial') AND split_part(r.images_uri, ':', 1) = ANY(%s::text[])"
            " AND r.spec @> '{\"publish\": true}' AND r.started_at > now() - make_interval(days => %s)"
            " AND t.tasks IS NOT NULL ORDER BY r.started_at",
            [list(schemes), days],
        )
        return dict(cur.fetchall())

"""What the DAG `prune` and `firstpass prune` do: one function per task. Each says what it removed, or would remove.

Files go first, then rows, so that one that was killed is completed by the next. `Unfinished` asks Airflow.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Mapping
from contextlib import closing, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path

from psycopg2.extensions import connection

from firstpass.contracts.pruned import RUN_KINDS, Prunable, PrunedKind
from firstpass.cvat.publishing import published_evidence
from firstpass.errors import FirstpassError, Unavailable
from firstpass.nightly import run_files
from firstpass.nightly.airflow_records import clean_records
from firstpass.nightly.task_logs import Unfinished, old_logs, remove_logs
from firstpass.settings import settings
from firstpass.warehouse import evidence, past_outcomes, pruning, superseded
from firstpass.warehouse.connection import connect
from firstpass.warehouse.migration import migrate
from firstpass.warehouse.retention import ExpiredRun, Limit, expired_runs

__all__ = ["Unfinished", "prune_airflow", "prune_logs", "prune_runs", "raise_failures"]

log = logging.getLogger("firstpass")

EVIDENCE = (*evidence.EVIDENCE, *published_evidence.EVIDENCE)
ROW_EVIDENCE = (*evidence.ROW_EVIDENCE, *published_evidence.ROW_EVIDENCE)
_DAG = "preannotate"
_IN_AIRFLOW = "is not finished in Airflow"


def prune_runs(
    unfinished: Unfinished, *, dry_run: bool = False, only: Collection[Prunable] = (), now: datetime | None = None
) -> list[PrunedKind]:
    """Prune results, reports, data docs, runs, and then the predictions that no kept run refers to; or those in `only`.

    A run that cannot be removed is noted in `failed` and keeps no other from being removed. Raises FirstpassError where
    another prune is under way, Unavailable where warehouse or storage is away.
    """
    wanted = set(only or Prunable)
    pruned = {kind: PrunedKind(kind) for kind in RUN_KINDS if kind in wanted}
    with closing(connect()) as conn:
        migrate(conn)
        with nullcontext() if dry_run else pruning.alone(conn):
            expired = expired_runs(conn, _limits(wanted), EVIDENCE, settings().keep_newest, now or datetime.now(UTC))
            active = unfinished(_DAG, [run.run_id for run in expired]) if expired else set()
            going = [run.run_id for run in expired if Prunable.RUNS in run.going and run.run_id not in active]
            rows = pruning.count_rows(conn, going) if dry_run else {}
            needed = pruning.seen_last_by(conn, going) if going else set()
            series = past_outcomes.series_of(conn, going)
            for run in expired:
                _count_kept(run, pruned, run.run_id in active)
                if run.going and run.run_id not in active:
                    _prune_run(conn, run, pruned, rows.get(run.run_id, 0), run.run_id in needed, dry_run)
            if series:
                count, prune = past_outcomes.count_past, past_outcomes.prune_past
                pruned[Prunable.RUNS].count_rows(count(conn, series, going) if dry_run else prune(conn, series))
            found = list(pruned.values())
            if Prunable.PREDICTIONS in wanted and settings().keep_runs_days + settings().keep_runs:
                found.append(_prune_predictions(conn, going if dry_run else [], dry_run))
    return [_told(kind) for kind in found]


def prune_logs(base: Path, unfinished: Unfinished, *, dry_run: bool = False, now: datetime | None = None) -> PrunedKind:
    """Prune the logs of Airflow's tasks below `base`, run by run, and those of its DAG processor, day by day."""
    pruned = PrunedKind(Prunable.LOGS, rows=None)
    if not (days := settings().keep_logs_days):
        return pruned
    old = list(old_logs(base, (now or datetime.now(UTC)) - timedelta(days=days)))
    runs: dict[str, list[str]] = {}
    for logs in old:
        if logs.run_id:
            runs.setdefault(logs.dag_id, []).append(logs.run_id)
    active = {(dag, run) for dag, run_ids in runs.items() for run in unfinished(dag, run_ids)}
    for logs in old:
        if (logs.dag_id, logs.run_id) in active:
            pruned.kept[_IN_AIRFLOW] += 1
            continue
        try:
            if not dry_run:
                remove_logs(base, logs)
            pruned.add(logs.newest, logs.files, logs.bytes)
        except OSError as error:
            pruned.failed[str(logs.path)] = error.strerror or str(error)
    return _told(pruned)


def prune_airflow(
    environment: Mapping[str, str] | None,
    waiting: Mapping[str, datetime],
    *,
    dry_run: bool = False,
    now: datetime | None = None,
) -> PrunedKind:
    """Prune Airflow's own records with `airflow db clean`.

    environment: in which `airflow` finds its database; None where nobody may reach it from here. waiting: DAG → when
    its oldest run began that has not ended. Raises FirstpassError where Airflow's command fails.
    """
    pruned = PrunedKind(Prunable.AIRFLOW)
    if not (days := settings().keep_airflow_days):
        return pruned
    if environment is None:
        pruned.rows = None
        pruned.note = "Airflow's database cannot be reached from here: see the guide about keeping it small"
        return pruned
    before = (now or datetime.now(UTC)) - timedelta(days=days)
    kept = {dag for dag, began in waiting.items() if began < before}
    pruned.kept = Counter({f"belongs to {dag}, which has a run that has not ended": 1 for dag in sorted(kept)})
    pruned.items = pruned.rows = clean_records(environment, before, kept, dry_run=dry_run)
    pruned.newest = before if pruned.items else None
    return _told(pruned)


def raise_failures(found: Collection[PrunedKind]) -> None:
    """Raise FirstpassError where something could not be removed, naming the first."""
    failed = [(str(kind.kind), item, why) for kind in found for item, why in kind.failed.items()]
    if failed:
        kind, item, why = failed[0]
        more = f", and {len(failed) - 1} others" if len(failed) > 1 else ""
        raise FirstpassError(
            f"{kind} of {item} could not be removed: {why}{more}",
            "let this user remove files below FIRSTPASS_STORAGE and Airflow's log folder; the next prune tries again",
        )


def _told(pruned: PrunedKind) -> PrunedKind:
    log.info("%s", pruned.sentence)
    return pruned


def _limits(wanted: Collection[Prunable]) -> dict[Prunable, Limit]:
    s = settings()
    limits = {
        Prunable.RESULTS: Limit(s.keep_results_days, s.keep_results),
        Prunable.REPORTS: Limit(s.keep_reports_days, s.keep_reports),
        Prunable.DATA_DOCS: Limit(s.keep_data_docs_days, s.keep_data_docs),
        Prunable.RUNS: Limit(s.keep_runs_days, s.keep_runs),
    }
    return {kind: limit if kind in wanted else Limit(0) for kind, limit in limits.items()}


def _count_kept(run: ExpiredRun, pruned: Mapping[Prunable, PrunedKind], active: bool) -> None:
    for kind, reason in run.kept.items():
        pruned[kind].kept[reason] += 1
    for kind in run.going if active else ():
        pruned[kind].kept[_IN_AIRFLOW] += 1


def _prune_run(
    conn: connection,
    run: ExpiredRun,
    pruned: Mapping[Prunable, PrunedKind],
    rows: int | None,
    needed: bool,
    dry_run: bool,
) -> None:
    """Measure and remove what is going of one run. rows: what is known to go with it. needed: whether its row stays."""
    widest = max(run.going, key=RUN_KINDS.index)
    try:
        sizes = run_files.measure(run.run_id, run.going)
        if not dry_run:
            rows = _remove(conn, run, needed)
    except Unavailable:
        raise
    except (OSError, FirstpassError) as error:
        pruned[widest].failed[run.run_id] = str(error).splitlines()[0]
        return
    if rows is not None:
        for kind, (files, size) in sizes.items():
            pruned[kind].add(run.started_at, files, size, rows if kind is Prunable.RUNS else 0)


def _remove(conn: connection, run: ExpiredRun, needed: bool) -> int | None:
    """Files first, then rows; returns how many of these. None for a run that has begun again meanwhile."""
    if pruning.in_progress(conn, run.run_id):
        return None
    if Prunable.RUNS in run.going:
        run_files.remove(run.run_id, Prunable.RUNS)
        return pruning.prune_run(conn, run.run_id, ROW_EVIDENCE, needed)
    for kind in run.going:
        run_files.remove(run.run_id, kind)
    pruning.note_removed(conn, run.run_id, run.going)
    return 0


def _prune_predictions(conn: connection, going: list[str], dry_run: bool) -> PrunedKind:
    """going: runs that count as pruned already."""
    pruned = PrunedKind(Prunable.PREDICTIONS)
    for model in superseded.retired_models(conn, going):
        if dry_run:
            removed = superseded.count_superseded(conn, model)
        elif removed := superseded.prune_superseded(conn, model):
            superseded.forget_runs(conn, model, published_evidence.ROW_EVIDENCE)
        pruned.items += removed
        pruned.rows = (pruned.rows or 0) + removed
        if removed:
            log.info("%s: %d predictions that no kept run and no image has any more", model, removed)
    return pruned

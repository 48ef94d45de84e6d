"""`firstpass prune`: remove what has become old, or say what would go."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import click

from firstpass.cli.stack import say, warehouse
from firstpass.contracts.pruned import RUN_KINDS, Prunable, PrunedKind
from firstpass.stack import airflow_metadata, control, layout

if TYPE_CHECKING:
    from rich.table import Table

_FILES = {Prunable.LOGS, *RUN_KINDS}


@click.command()
@click.option("--dry-run", is_flag=True, help="Say what would be removed, and remove nothing.")
@click.option(
    "--only",
    "only",
    multiple=True,
    type=click.Choice([str(kind) for kind in Prunable]),
    help="Only this kind; may be given several times.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def prune(dry_run: bool, only: tuple[str, ...], as_json: bool) -> None:
    """Remove old results, reports, Data Docs, runs, superseded predictions, logs, and records of Airflow.

    The settings FIRSTPASS_KEEP_… say what is old. Never removed: a run in progress, the newest runs of each source, and
    what a current draft or an open publication rests on. One that was killed is completed by the next. The DAG `prune`
    does the same at night. Exits with 2 when something could not be removed, or another prune is under way.
    """
    from firstpass.nightly import prune as pruning

    warehouse()
    wanted = {Prunable(kind) for kind in only} or set(Prunable)
    environment = control.airflow_environment(say) if layout.started_before() else dict(os.environ)
    asked = airflow_metadata.Runs(environment)
    if not asked.dsn:
        say("firstpass: Airflow was not asked which runs go on: its database is not known here")
    found: list[PrunedKind] = []
    if not wanted.isdisjoint({*RUN_KINDS, Prunable.PREDICTIONS}):
        found += pruning.prune_runs(asked.unfinished, dry_run=dry_run, only=wanted)
    if Prunable.LOGS in wanted:
        found.append(pruning.prune_logs(airflow_metadata.log_folder(environment), asked.unfinished, dry_run=dry_run))
    if Prunable.AIRFLOW in wanted:
        reachable = environment if asked.dsn else None
        found.append(pruning.prune_airflow(reachable, asked.oldest_unfinished(), dry_run=dry_run))
    if as_json:
        kinds = [kind.to_json() for kind in found]
        click.echo(json.dumps({"dry_run": dry_run, "kinds": kinds}, indent=1, ensure_ascii=False))
    else:
        _print(found, dry_run)
    pruning.raise_failures(found)


def _print(found: list[PrunedKind], dry_run: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("Would be removed" if dry_run else "Removed", box=None, pad_edge=False)
    for name in ("Items", "Files", "MiB", "Rows"):
        table.add_column(name, justify="right")
    table.add_column("Oldest")
    table.add_column("Newest")
    for kind in found:
        _add_row(table, kind)
    Console().print(table)
    for kind in found:
        for reason, items in kind.kept.items():
            click.echo(f"{kind.kind}: {items:,} kept: {reason}")
        if kind.note:
            click.echo(f"{kind.kind}: {kind.note}")


def _add_row(table: Table, kind: PrunedKind) -> None:
    of_files = kind.kind in _FILES
    table.add_row(
        str(kind.kind).replace("_", " "),
        f"{kind.items:,}",
        f"{kind.files:,}" if of_files else "–",
        f"{kind.bytes / 2**20:,.1f}" if of_files else "–",
        "–" if kind.rows is None or kind.kind in _FILES - {Prunable.RUNS} else f"{kind.rows:,}",
        *("–" if at is None else f"{at:%Y-%m-%d %H:%M}" for at in (kind.oldest, kind.newest)),
    )

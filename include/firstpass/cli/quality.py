"""`firstpass quality`: past runs' checks and drift."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from firstpass.cli.stack import warehouse
from firstpass.contracts.run_standing import TONES
from firstpass.pages.rendering import devices

if TYPE_CHECKING:
    from firstpass.warehouse.run_list import ListedRun

_COLOURS = {"good": "green", "warn": "yellow", "bad": "red", "soft": "dim"}


@click.group()
def quality() -> None:
    """Show past runs' checks and drift."""


@quality.command()
@click.option(
    "--search", default="", metavar="TEXT", help="Only runs whose id, model, images, verdict or date contains TEXT."
)
@click.option(
    "--limit", default=20, show_default=True, type=click.IntRange(1, 10_000), help="Show at most this many runs."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON: one list, newest run first.")
def history(search: str, limit: int, as_json: bool) -> None:
    """Show how each run stands, its counts, drift and device, newest first; of a failed one, where and why."""
    from firstpass.warehouse.connection import connect
    from firstpass.warehouse.run_list import list_runs

    warehouse()
    with closing(connect()) as connection:
        runs, more = list_runs(connection, search, size=limit)
    if as_json:
        rows = [asdict(run) | _told(run) for run in runs]
        click.echo(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("Started", "State", "Model", box=None, pad_edge=False)
    for name in ("Images", "Drafts", "Drift"):
        table.add_column(name, justify="right")
    table.add_column("Device")
    for run in runs:
        table.add_row(
            f"{run.started_at:%Y-%m-%d %H:%M}",
            Text(run.standing, _COLOURS[TONES[run.standing]]),
            Text(run.model),
            *("–" if value is None else f"{value:,}" for value in (run.images, run.drafts)),
            "–" if run.drift is None else f"{run.drift:.2f}",
            Text("pruned" if run.pruned_at else devices(run.devices) or "–"),
        )
    Console().print(table if runs else "No run matches." if search else "There is no run yet.")
    for run in runs:
        if run.state == "failed" and run.error:
            click.echo(f"{run.started_at:%Y-%m-%d %H:%M} failed at {run.error.stage}: {run.error.problem}")
            click.echo(f"  What to do: {run.error.fix}")
    if more:
        click.echo("There are more runs: raise --limit.", err=True)


def _told(run: ListedRun) -> dict[str, Any]:
    """What JSON cannot hold as it is, and the state in one word."""
    pruned = run.pruned_at and run.pruned_at.isoformat()
    return {"started_at": run.started_at.isoformat(), "standing": run.standing, "pruned_at": pruned}

"""`firstpass quality`: past runs' checks and drift."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import asdict

import click

from firstpass.cli.stack import warehouse


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
    """Show each run's verdict, counts and drift, newest first."""
    from firstpass.warehouse.connection import connect
    from firstpass.warehouse.run_list import list_runs

    warehouse()
    with closing(connect()) as connection:
        runs, more = list_runs(connection, search, size=limit)
    if as_json:
        rows = [asdict(run) | {"started_at": run.started_at.isoformat()} for run in runs]
        click.echo(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("Started", "Verdict", "Model", box=None, pad_edge=False)
    for name in ("Images", "Drafts", "Drift"):
        table.add_column(name, justify="right")
    tones = {"passed": "green", "warnings": "yellow", "failed": "red"}
    for run in runs:
        table.add_row(
            f"{run.started_at:%Y-%m-%d %H:%M}",
            Text(run.verdict or run.state, tones.get(run.verdict or "", "dim")),
            Text(run.model),
            *("–" if value is None else f"{value:,}" for value in (run.images, run.drafts)),
            "–" if run.drift is None else f"{run.drift:.2f}",
        )
    Console().print(table if runs else "No run matches." if search else "There is no run yet.")
    if more:
        click.echo("There are more runs: raise --limit.", err=True)

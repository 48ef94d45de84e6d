"""`firstpass report`: the path of a run's report."""

from __future__ import annotations

from contextlib import closing

import click

from firstpass.api.running import report_path
from firstpass.cli import browser
from firstpass.cli.stack import say, warehouse
from firstpass.errors import FirstpassError


@click.command()
@click.argument("run_id", metavar="RUN|latest", default="latest")
@click.option("--open", "show", is_flag=True, help="Also open it in the browser.")
def report(run_id: str, show: bool) -> None:
    """Print the path of a run's report: one HTML file that needs no network."""
    from firstpass.warehouse.connection import connect
    from firstpass.warehouse.run_list import listed_run, newer_failure
    from firstpass.warehouse.runs import find_run

    warehouse()
    with closing(connect()) as connection:
        found = find_run(connection, run_id)
        listed = listed_run(connection, found)
        newer = newer_failure(connection, found) if run_id == "latest" else None
    if newer is not None:
        why = f": {newer.error.problem}" if newer.error else ""
        say(f"firstpass: a later run, {newer.run_id}, failed{why}")
    path = report_path(found)
    if path is None and listed and listed.state == "failed" and listed.error:
        raise FirstpassError(
            f"run {found} has no report: it failed at {listed.error.stage}: {listed.error.problem}", listed.error.fix
        )
    if path is None and listed and (listed.pruned_at or "reports" in listed.removed):
        raise FirstpassError(
            f"the report of run {found} was removed by a prune",
            "`firstpass quality history` has its counts and checks; FIRSTPASS_KEEP_REPORTS_DAYS says how long reports"
            " are kept",
        )
    if path is None:
        raise FirstpassError(
            f"run {found} has no report yet", "wait until the run ends, or clear its task `report` in Airflow"
        )
    click.echo(path)
    if show and (why := browser.show(path)):
        say(f"The report was not opened: {why}")

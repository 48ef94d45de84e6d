"""`firstpass report`: where a run's report is."""

from __future__ import annotations

from contextlib import closing

import click

from firstpass.cli.run import report_path
from firstpass.cli.stack import warehouse
from firstpass.errors import FirstpassError


@click.command()
@click.argument("run_id", metavar="RUN|latest", default="latest")
def report(run_id: str) -> None:
    """Print the path of a run's report: one HTML file that needs no network."""
    from firstpass.warehouse.connection import connect
    from firstpass.warehouse.runs import find_run

    warehouse()
    with closing(connect()) as connection:
        found = find_run(connection, run_id)
    path = report_path(found)
    if path is None:
        raise FirstpassError(
            f"run {found} has no report yet", "wait for its end, or clear its task `report` in Airflow"
        )
    click.echo(path)

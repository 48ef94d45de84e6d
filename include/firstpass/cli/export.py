"""`firstpass export`: a run's drafts as a data set for CVAT and other tools."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import click

from firstpass.cli.stack import warehouse


@click.command()
@click.option("--run", "run_id", metavar="ID|latest", default="latest", show_default=True, help="The run to export.")
@click.option(
    "--format", "kind", metavar="NAME", required=True, help="coco, cvat, datumaro, or one that another package brings."
)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="The folder to write to.")
def export(run_id: str, kind: str, out: Path) -> None:
    """Write a run's drafts as a data set for CVAT or another tool. Prints what was written."""
    from firstpass.exports.export_run import export as write
    from firstpass.warehouse.connection import connect
    from firstpass.warehouse.runs import find_run

    warehouse()
    with closing(connect()) as connection:
        written = write(connection, find_run(connection, run_id), kind, out.absolute())
    click.echo(json.dumps(written, indent=1, ensure_ascii=False, default=str))

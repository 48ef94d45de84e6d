"""`firstpass export`: a run's drafts as a data set for CVAT and other tools."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import click

from firstpass.cli.file_modes import persons_own
from firstpass.cli.stack import warehouse


@click.command()
@click.option("--run", "run_id", metavar="ID|latest", default="latest", show_default=True, help="The run to export.")
@click.option(
    "--format",
    "kind",
    metavar="NAME",
    required=True,
    help="coco, cvat, datumaro, label_studio, voc, yolo, or one that another package brings.",
)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="The folder to write to.")
@click.option("--threshold", type=float, metavar="0..1", help="One score for all classes, in place of the run's own.")
@click.option("--upright", "switch", flag_value="upright", help="coco: turn coordinates by EXIF, as FiftyOne wants.")
@click.option("--with-scores", "switch", flag_value="with-scores", help="yolo: add scores, for imports, not training.")
@click.option("--one-based", "switch", flag_value="one-based", help="voc: count pixels from 1, as VOC itself does.")
def export(run_id: str, kind: str, out: Path, threshold: float | None, switch: str | None) -> None:
    """Write a run's drafts as a data set for CVAT or another tool. Prints what was written and what was left out.

    A run over CVAT becomes one data set per task, with the task's own labels. Importing one replaces what is in the
    task.
    """
    from firstpass.exports.export_run import export as write
    from firstpass.warehouse.connection import connect
    from firstpass.warehouse.runs import find_run

    warehouse()
    with closing(connect()) as connection, persons_own():
        run = find_run(connection, run_id)
        written = write(connection, run, kind, out.absolute(), switch=switch or "", threshold=threshold)
    click.echo(json.dumps(written, indent=1, ensure_ascii=False, default=str))

"""`firstpass cvat`: tasks that can be drafted, and a run's drafts in them."""

from __future__ import annotations

import json
import logging
import sys
from collections import Counter
from collections.abc import Callable
from functools import wraps
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from firstpass.cli.stack import warehouse
from firstpass.cvat.server.client import CvatDown
from firstpass.errors import FirstpassError, Unavailable

_run = click.argument("run_id", metavar="RUN|latest", default="latest")
_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_threshold = click.option(
    "--threshold", type=float, metavar="X", help="Draft what scores X or more, in place of the run's own thresholds."
)
_unmatched = click.option(
    "--unmatched",
    type=click.Choice(["fail", "drop", "ask"]),
    help="What to do with classes that match no label. [FIRSTPASS_CVAT_UNMATCHED]",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cvat() -> None:
    """List tasks, preview what would be published, publish drafts, withdraw them."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("firstpass").setLevel(logging.INFO)
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # the outcome is reported; each try need not be


def _reachable(command: Callable[..., Any]) -> Callable[..., Any]:
    """At a terminal, a CVAT that is down is one more error with advice."""

    @wraps(command)
    def wrapped(*arguments: Any, **options: Any) -> Any:
        try:
            return command(*arguments, **options)
        except CvatDown as error:
            raise Unavailable(error.problem, error.fix) from error

    return wrapped


@cvat.command()
@click.argument("uri", metavar="cvat:task/12|cvat:project/3")
@_as_json
@_reachable
def tasks(uri: str, as_json: bool) -> None:
    """Show the tasks that a run over URI would draft, and how many frames of each."""
    from firstpass.cvat.frames.source import left_alone_in
    from firstpass.cvat.server.client import cvat as client
    from firstpass.cvat.server.selection import Selection
    from firstpass.cvat.server.tasks import read_meta, read_tasks

    warehouse()
    selection, server = Selection.parse(uri), client()
    rows: list[dict[str, Any]] = []
    for task in read_tasks(server, selection.kind, selection.numbers, selection.status):
        if isinstance(task, FirstpassError):
            rows.append({"problem": task.problem})
            continue
        alone = dict.fromkeys(read_meta(server, task).deleted, "deleted")
        alone |= left_alone_in(server, task, selection.policy)
        url = server.connection.task_url(task.id)
        left = dict(Counter(alone.values()))
        rows.append({"task": task.id, "name": task.name, "frames": task.size, "open": task.size - len(alone),
                     "left_alone": left, "url": url})  # fmt: skip
    if as_json:
        _print_json(rows)
        return
    table = Table("Task", "Name", "Frames", "To draft", "Left alone", box=None, header_style="bold")
    for row in rows:
        if "problem" in row:
            table.add_row("", "", "", "", row["problem"])
        else:
            table.add_row(
                str(row["task"]), row["name"], str(row["frames"]), str(row["open"]), _listed(row["left_alone"])
            )
    Console(markup=False, highlight=False).print(table)


@cvat.command()
@_run
@_threshold
@_as_json
@_reachable
def preview(run_id: str, threshold: float | None, as_json: bool) -> None:
    """Show what publishing RUN would send now, and which label each class becomes. Changes nothing."""
    from firstpass.cvat.publishing.publish_run import preview_run

    warehouse()
    summary = preview_run(run_id, threshold=threshold)
    if as_json:
        _print_json(summary)
        return
    console = Console(markup=False, highlight=False)
    for entry in summary["tasks"]:
        _show([entry])
        table = Table("Class", "Label", "Shape", "Why", box=None, header_style="bold")
        for row in entry["mapping"]:
            table.add_row(row["class_name"], row["label"] or "–", row["shape"] or "", row["reason"])
        console.print(table)


@cvat.command()
@_run
@_threshold
@_unmatched
@click.option("--unchecked", is_flag=True, help="Also publish a run that failed a critical check or was never checked.")
@_as_json
@_reachable
def publish(run_id: str, threshold: float | None, unmatched: str | None, unchecked: bool, as_json: bool) -> None:
    """Publish RUN's drafts to its CVAT tasks. Publishing again sends only what is missing.

    With another threshold, shapes that nobody touched are replaced. RUN's report then links to the tasks. Exits with 1
    when a task failed or waits for a review.
    """
    from firstpass.nightly.publish import publish_and_renew

    warehouse()
    summary = publish_and_renew(run_id, unmatched=unmatched, threshold=threshold, unchecked=unchecked)
    if as_json:
        _print_json(summary)
    else:
        _show(summary["tasks"])
    sys.exit(0 if all(entry["state"] == "published" for entry in summary["tasks"]) else 1)


@cvat.command()
@_run
@_as_json
@_reachable
def withdraw(run_id: str, as_json: bool) -> None:
    """Remove RUN's drafts from CVAT, except those that somebody edited."""
    from firstpass.cvat.publishing.withdrawal import withdraw_run

    warehouse()
    summary = withdraw_run(run_id)
    if as_json:
        _print_json(summary)
    else:
        tasks = len(summary["tasks"])
        click.echo(
            f"Removed {summary['removed']:,} shapes from {tasks} {'task' if tasks == 1 else 'tasks'};"
            f" kept {summary['kept']:,} that somebody edited; {summary['gone']:,} had gone already."
        )


def _show(entries: list[dict[str, Any]]) -> None:
    names = ("Task", "Name", "State", "Frames", "Shapes", "Replaced", "Left alone", "Dropped")
    table = Table(*names, box=None, header_style="bold")
    for entry in entries:
        numbers = (f"{entry[name]:,}" for name in ("frames", "shapes", "replaced"))
        state = entry["state"] + (f": {entry['reason']}" if entry["reason"] else "")
        left, dropped = _listed(entry["left_alone"]), _listed(entry["dropped"])
        table.add_row(str(entry["task"]), entry["name"], state, *numbers, left, dropped)
    Console(markup=False, highlight=False).print(table)


def _listed(counts: dict[str, int]) -> str:
    return "\n".join(f"{count:,} {reason}" for reason, count in counts.items())


def _print_json(body: Any) -> None:
    click.echo(json.dumps(body, indent=1, ensure_ascii=False))

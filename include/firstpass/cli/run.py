"""`firstpass run`: asks Airflow for a run of `preannotate`, watches it and says how it ended."""

from __future__ import annotations

import json
import os
import sys

import click
from rich.console import Console

from firstpass.api.running import Unwatched, WatchedRun, run_parameters, start_and_watch
from firstpass.cli import browser
from firstpass.cli.exit_codes import INCOMPLETE, INTERRUPTED
from firstpass.cli.progress_view import progress_view
from firstpass.cli.stack import restart_option, say
from firstpass.cli.views import floor_lowered, nothing_new, summary_view, verdict_view
from firstpass.errors import NEEDS_A_PERSON, FirstpassError
from firstpass.pages.rendering import devices
from firstpass.stack.secrets import ADMIN


@click.command()
@click.option("--images", metavar="URI", help="A folder, s3://bucket/prefix or cvat:task/12. [FIRSTPASS_IMAGES]")
@click.option(
    "--model", metavar="NAME[@VERSION]", help="The newest admitted version, or a certain one. [FIRSTPASS_MODEL]"
)
@click.option("--threshold", type=float, metavar="X", help="Draft what scores X or more; 0 to 1. [the model's own]")
@click.option("--class-threshold", "per_class", multiple=True, metavar="NAME=X", help="Another threshold for a class.")
@click.option("--reprocess", is_flag=True, help="Infer again what this model inferred before; replace its drafts.")
@click.option("--engine", type=click.Choice(["local", "kubernetes"]), help="Where the chunks run. [FIRSTPASS_ENGINE]")
@click.option("--publish", is_flag=True, help="Publish the drafts to the CVAT tasks that the frames came from.")
@restart_option
@click.option("--open", "show", is_flag=True, help="Open the report in the browser at the end.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON on stdout, and nothing else there.")
def run(
    images: str | None,
    model: str | None,
    threshold: float | None,
    per_class: tuple[str, ...],
    reprocess: bool,
    engine: str | None,
    publish: bool,
    restart: bool,
    show: bool,
    as_json: bool,
) -> None:
    """Draft the annotations of every new image, through Airflow; starts the stack if it is down.

    Exits with 0 when no image was left undone (and every task has its drafts, with --publish), with 2 when what was
    asked for cannot be done, with 75 when Airflow's API stays away while the run goes on, else with 1.
    """
    classes = dict(map(_class_threshold, per_class))
    conf = run_parameters(images, model, threshold, classes, reprocess, engine)
    try:
        with progress_view() as view:
            ended = start_and_watch(conf, publish, view.say, view, restart)
    except Unwatched as page:
        say(f"\nNo longer watching; the run continues: {page}")
        sys.exit(INTERRUPTED)
    if as_json:
        click.echo(json.dumps(ended.summary, indent=1, ensure_ascii=False))
    elif "model" in ended.summary and (ended.summary["images"] or ended.succeeded):
        _print(ended)
    if show:
        _open(ended.summary["report"])
    sys.exit(_exit_code(ended))


def _class_threshold(text: str) -> tuple[str, float]:
    name, equals, value = text.rpartition("=")
    try:
        score = float(value)
    except ValueError:
        equals = ""
    if not (name and equals):
        raise FirstpassError(
            f"--class-threshold {text!r} is not NAME=X", "write for example --class-threshold person=0.6"
        )
    return name, score


def _print(ended: WatchedRun) -> None:
    summary = ended.summary
    console = Console(highlight=False, markup=False)
    console.print(summary_view(summary))
    console.print()
    console.print(verdict_view(summary))
    if summary["devices"]:
        console.print(f"Ran on   {devices(summary['devices'])}")
    for sentence in filter(None, (nothing_new(summary), floor_lowered(summary))):
        console.print(sentence)
    for task in summary.get("publication", {}).get("tasks", ()):
        console.print(f"CVAT     {task['url']}  {task['shapes']:,} shapes on {task['frames']:,} frames", soft_wrap=True)
    if report := summary["report"]:
        console.print(f"Report   {browser.link(report)}", soft_wrap=True)
    console.print(f"Airflow  {summary['ui']}", soft_wrap=True)
    console.print(f"         user {ADMIN}; `{_typed('status')}` shows the password", soft_wrap=True)
    console.print(f"Running  PostgreSQL and Airflow, until `{_typed('down')}`", soft_wrap=True)


def _typed(command: str) -> str:
    """How the person would type a command: through make, where make started this one."""
    return f"{'make' if os.environ.get('MAKELEVEL') else 'firstpass'} {command}"


def _open(report: str | None) -> None:
    why = browser.show(report) if report else "the run has none"
    if why:
        say(f"The report was not opened: {why}")


def _exit_code(ended: WatchedRun) -> int:
    """What went wrong was printed on the way."""
    if failed := [stage.name for stage in ended.stages if stage.state == "failed"]:
        say(f"firstpass: {', '.join(failed)} failed; the log is at {ended.summary['ui']}")
    if ended.error:
        say(f"firstpass: {FirstpassError(ended.error.problem, ended.error.fix)}")
    if ended.refused:
        return NEEDS_A_PERSON
    known = "model" in ended.summary  # the warehouse was there to be asked
    complete = known and _nothing_undone(ended) and _all_published(ended)
    return 0 if ended.succeeded and complete else INCOMPLETE


def _nothing_undone(ended: WatchedRun) -> bool:
    left: str = ended.summary["left_undone"]
    if left and not ended.error:
        say(f"firstpass: the run is not complete: {left}")
    return not left


def _all_published(ended: WatchedRun) -> bool:
    publication = ended.summary.get("publication", {"state": "published", "tasks": []})
    if reason := publication.get("reason"):
        say(f"firstpass: nothing was published: {reason}")
    for task in publication["tasks"]:
        if task["state"] != "published":
            say(f"firstpass: task {task['task']} is {task['state']}: {task['reason']}")
    return bool(publication["state"] == "published")

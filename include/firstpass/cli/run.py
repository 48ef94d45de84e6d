"""`firstpass run`: asks Airflow for a run of `preannotate`, watches it and says how it ended."""

from __future__ import annotations

import json
import sys
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from firstpass import storage
from firstpass.airflow.rest_client import AirflowApi
from firstpass.cli.stack import say
from firstpass.cli.views import LiveView, PlainView, nothing_new, summary_view
from firstpass.cli.watch import DAG, Stage, watch
from firstpass.contracts.run_error import RunError
from firstpass.contracts.run_spec import run_folder
from firstpass.errors import FirstpassError
from firstpass.images.sources import is_address, source_of
from firstpass.settings import settings
from firstpass.stack import control

# A FirstpassError in one of these is about what was asked for; later on it is about how it went.
_ABOUT_THE_REQUEST = {"resolve_model", "admit_model", "catalogue_images", "plan_chunks"}


@click.command()
@click.option("--images", metavar="URI", help="A folder, s3://bucket/prefix or cvat:task/12. [FIRSTPASS_IMAGES]")
@click.option(
    "--model", metavar="NAME[@VERSION]", help="The newest admitted version, or a certain one. [FIRSTPASS_MODEL]"
)
@click.option("--threshold", type=float, metavar="X", help="Drop detections that score less; 0 to 1. [the model's own]")
@click.option("--class-threshold", "per_class", multiple=True, metavar="NAME=X", help="Another one for a class.")
@click.option("--reprocess", is_flag=True, help="Infer again what this model did before with the same settings.")
@click.option("--engine", type=click.Choice(["local", "kubernetes"]), help="Where the chunks run. [FIRSTPASS_ENGINE]")
@click.option("--publish", is_flag=True, help="Bring the drafts into the CVAT tasks that the frames came from.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary for machines, and nothing else, on stdout.")
def run(
    images: str | None,
    model: str | None,
    threshold: float | None,
    per_class: tuple[str, ...],
    reprocess: bool,
    engine: str | None,
    publish: bool,
    as_json: bool,
) -> None:
    """Draft the annotations of every new image, through Airflow; starts the stack if it is down.

    Exits with 0 when every image has an outcome (and every task its drafts, with --publish), with 2 when what was asked
    for cannot be done, else with 1.
    """
    conf = conf_of(images, model, threshold, per_class, reprocess) | ({"engine": engine} if engine else {})
    conf["publish"] = False  # with --publish this command sees to it, and tells how it went
    if publish and not source_of(conf.get("images") or settings().images).takes_drafts:
        raise FirstpassError("--publish is for images from CVAT", "give --images cvat:task/12 or cvat:project/3")
    stack = control.up(say)
    with AirflowApi(stack.url, stack.user, stack.password) as api:
        api.wait_for_dag(DAG)
        run_id = api.trigger(DAG, conf)
        page = api.run_page(DAG, run_id)
        terminal = Console(stderr=True)
        try:
            with LiveView(terminal) if terminal.is_terminal else PlainView() as view:
                state, stages = watch(api, run_id, run_folder(run_id), view)
        except KeyboardInterrupt:
            say(f"\nNo longer watching; the run goes on: {page}")
            sys.exit(130)
    sys.exit(_finish(run_id, state, stages, page, publish, as_json))


def conf_of(
    images: str | None, model: str | None, threshold: float | None, per_class: tuple[str, ...], reprocess: bool
) -> dict[str, Any]:
    """The DAG run's parameters: only what was given, so that the DAG's own defaults hold for the rest.

    Raises FirstpassError for a score outside 0..1 and for a class threshold that is not NAME=X.
    """
    conf: dict[str, Any] = {}
    if images is not None:
        conf["images"] = _absolute(images)
    if model is not None:
        conf["model"] = model
    if threshold is not None:
        conf["threshold"] = _score("--threshold", threshold)
    if per_class:
        conf["class_thresholds"] = dict(map(_class_threshold, per_class))
    if reprocess:
        conf["reprocess"] = True
    return conf


def _absolute(images: str) -> str:
    """The tasks run in another folder than the one that this command is called in."""
    if is_address(images):
        return images
    if not images:
        raise FirstpassError("--images is empty", "name a folder, s3://bucket/prefix or cvat:task/12")
    return str(Path(images).expanduser().absolute())


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
    return name, _score(f"--class-threshold {name}", score)


def _score(option: str, value: float) -> float:
    if not 0 <= value <= 1:
        raise FirstpassError(f"{option} is {value:g}", "give a number from 0 to 1, for example 0.4")
    return value


def _finish(run_id: str, state: str, stages: list[Stage], page: str, publish: bool, as_json: bool) -> int:
    """Print how the run ended; returns the exit code."""
    failed = [stage.name for stage in stages if stage.state == "failed"]
    error = RunError.load(run_id) if state != "success" or failed else None
    summary = _summary(run_id)
    if summary and publish and state == "success":
        summary["publication"] = _publish(run_id)
    if as_json:
        body = summary or {"run_id": run_id, "state": "failed", "outcomes": {}, "images": 0}
        extra = {"report": report_path(run_id), "ui": page} | ({"error": asdict(error)} if error else {})
        click.echo(json.dumps(body | extra, indent=1, ensure_ascii=False))
    elif summary:
        _print(summary, run_id, page)
    if failed:
        say(f"firstpass: {', '.join(failed)} failed; the log is at {page}")
    if error:
        say(f"firstpass: {FirstpassError(error.problem, error.fix)}")
        if error.stage in _ABOUT_THE_REQUEST:
            return 2
    complete = summary is not None and not summary["failed"] and _all_published(summary)
    return 0 if state == "success" and complete else 1


def _print(summary: dict[str, Any], run_id: str, page: str) -> None:
    console = Console(highlight=False, markup=False)
    console.print(summary_view(summary))
    console.print()
    if sentence := nothing_new(summary):
        console.print(sentence)
    for task in summary.get("publication", {}).get("tasks", ()):
        console.print(f"CVAT     {task['url']}  {task['shapes']:,} shapes on {task['frames']:,} frames", soft_wrap=True)
    if report := report_path(run_id):
        console.print(f"Report   {report}", soft_wrap=True)
    console.print(f"Airflow  {page}", soft_wrap=True)


def report_path(run_id: str) -> str | None:
    """Where the run's report is: a path for local storage, else a URI; None when there is none."""
    uri = storage.join(run_folder(run_id), "report.html")
    if not storage.exists(uri):
        return None
    return uri if storage.is_s3(uri) else str(storage.local_path(uri))


def _publish(run_id: str) -> dict[str, Any]:
    """`publish_run`'s summary; what keeps the whole run from being published is its `reason`."""
    from firstpass.cvat.server.client import CvatDown
    from firstpass.nightly.publish import publish_and_renew

    try:
        return publish_and_renew(run_id)
    except (FirstpassError, CvatDown) as error:
        return {"run_id": run_id, "state": "failed", "reason": error.problem, "tasks": []}


def _all_published(summary: dict[str, Any]) -> bool:
    publication = summary.get("publication", {"state": "published", "tasks": []})
    if reason := publication.get("reason"):
        say(f"firstpass: nothing was published: {reason}")
    for task in publication["tasks"]:
        if task["state"] != "published":
            say(f"firstpass: task {task['task']} is {task['state']}: {task['reason']}")
    return bool(publication["state"] == "published")


def _summary(run_id: str) -> dict[str, Any] | None:
    """None for a run that ended before the warehouse heard of it."""
    from firstpass.warehouse.connection import connect
    from firstpass.warehouse.run_summary import run_summary

    with closing(connect()) as connection:
        try:
            return run_summary(connection, run_id)
        except FirstpassError:
            return None

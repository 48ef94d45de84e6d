"""A run of `preannotate` from a script: what `firstpass run` does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from firstpass import storage
from firstpass.airflow.rest_client import AirflowApi
from firstpass.api.run_watch import DAG, RunView, StageProgress, watch
from firstpass.contracts.run_error import RunError
from firstpass.contracts.run_spec import run_folder
from firstpass.cvat.server.client import CvatDown
from firstpass.errors import FirstpassError, Unavailable
from firstpass.images.sources import is_address, source_of
from firstpass.nightly.run_request import RunRequest
from firstpass.settings import home, settings
from firstpass.stack import control
from firstpass.stack.started_with import OF_A_RUN

_SILENCE = 5.0  # seconds that the API may be silent before a word is said of it

# What only a person can put right is, in one of these, about what was asked for; later on about how it went.
_ABOUT_THE_REQUEST = {"resolve_model", "admit_model", "catalogue_images", "plan_chunks"}


@dataclass(frozen=True, slots=True)
class WatchedRun:
    """How a run ended. summary: what `firstpass run --json` prints. stages: in order.

    error: what the stage that failed left word of; refused: it was about what was asked for.
    """

    summary: dict[str, Any]
    stages: list[StageProgress]
    succeeded: bool
    error: RunError | None

    @property
    def refused(self) -> bool:
        """Whether the run could not be done as asked."""
        return self.error is not None and self.error.stage in _ABOUT_THE_REQUEST and not self.error.transient


class Unwatched(Exception):
    """Watching was interrupted; the run continues, at the page that the message names."""


def run(
    images: str | Path | None = None,
    model: str | None = None,
    *,
    threshold: float | None = None,
    class_thresholds: Mapping[str, float] | None = None,
    reprocess: bool = False,
    engine: str | None = None,
    publish: bool = False,
) -> dict[str, Any]:
    """Draft the annotations of every new image, through Airflow; starts the stack if it is down.

    What is not given is as the settings say. images: a folder, `s3://bucket/prefix` or `cvat:task/12`. model: `name` or
    `name@version`. threshold: 0 to 1, with others per class in class_thresholds. reprocess: infer again what is known.
    engine: `local` or `kubernetes`. publish: put the drafts into the CVAT tasks that the frames came from.

    Returns the summary that `firstpass run --json` prints: state, counts, seconds, `report` (where it is), `ui` (the
    run's page in Airflow), and `error` where a stage failed. Raises FirstpassError when what was asked for cannot be
    done.
    """
    conf = run_parameters(images, model, threshold, class_thresholds, reprocess, engine)
    ended = start_and_watch(conf, publish, lambda _: None, _Unseen())
    if ended.refused and ended.error is not None:
        raise FirstpassError(ended.error.problem, ended.error.fix)
    return ended.summary


def run_parameters(
    images: str | Path | None,
    model: str | None,
    threshold: float | None,
    class_thresholds: Mapping[str, float] | None,
    reprocess: bool,
    engine: str | None = None,
) -> dict[str, Any]:
    """The DAG run's parameters. Images and model are always among them: a stack that another terminal started may have
    others as its defaults. For the rest only what was given is, so that the DAG's own defaults hold.

    Raises FirstpassError for a score outside 0..1.
    """
    conf: dict[str, Any] = {
        "images": _absolute(settings().images, home()) if images is None else _absolute(str(images), Path.cwd()),
        "model": settings().model if model is None else model,
    }
    if threshold is not None:
        conf["threshold"] = _score("threshold", threshold)
    if class_thresholds:
        conf["class_thresholds"] = {name: _score(f"threshold of {name}", x) for name, x in class_thresholds.items()}
    if reprocess:
        conf["reprocess"] = True
    if engine:
        conf["engine"] = engine
    return conf


def start_and_watch(
    conf: dict[str, Any], publish: bool, say: Callable[[str], None], view: RunView, restart: bool = False
) -> WatchedRun:
    """Bring the stack up, start a run with these parameters and follow it to its end.

    say: gets a line for each step that takes a while. view: shows the run's progress. restart: start a running stack
    again, even under a run. Raises FirstpassError when the stack cannot be started or `publish` makes no sense for
    these images, and for a request that this machine can tell is wrong; Unwatched when it is interrupted, Unavailable
    when Airflow's API stays away: the run then continues.
    """
    if publish and not source_of(conf["images"]).takes_drafts:
        raise FirstpassError("publishing is for images from CVAT", "give images as cvat:task/12 or cvat:project/3")
    RunRequest(run_id="", **conf).refuse_early()
    # Until the run is there, no other terminal may start the stack again; afterwards the run itself forbids it.
    with control.ready(say, restart, OF_A_RUN) as stack, AirflowApi(stack.url, stack.user, stack.password) as api:
        api.wait_for_dag(DAG)
        run_id = api.trigger(DAG, conf | {"publish": False})  # with `publish` it is done here, and told how it went
        page = api.run_page(DAG, run_id)
    with AirflowApi(stack.url, stack.user, stack.password, patience=_SILENCE) as api:
        try:
            state, stages = watch(api, run_id, run_folder(run_id), view, say)
        except KeyboardInterrupt:
            raise Unwatched(page) from None
    failed = any(stage.state == "failed" for stage in stages)
    summary = _summary(run_id) or {"run_id": run_id, "state": "failed", "outcomes": {}, "images": 0}
    error = _error(run_id, summary) if state != "success" or failed else None
    if state == "failed" and summary["state"] == "running":  # killed: the callback that records it may be on its way
        summary["state"] = "failed"
    if publish and state == "success":
        summary["publication"] = _publish(run_id)
    summary |= {"report": _report(run_id, say), "ui": page} | ({"error": asdict(error)} if error else {})
    return WatchedRun(summary, stages, state == "success", error)


def report_path(run_id: str) -> str | None:
    """Where the run's report is: a path for local storage, else a URI; None when there is none."""
    uri = storage.join(run_folder(run_id), "report.html")
    if not storage.exists(uri):
        return None
    return uri if storage.is_s3(uri) else str(storage.local_path(uri))


def _report(run_id: str, say: Callable[[str], None]) -> str | None:
    """Where the report is. Storage that is away now changes nothing of how the run ended."""
    try:
        return report_path(run_id)
    except Unavailable as error:
        say(f"The report cannot be looked for: {error.problem}")
        return None


class _Unseen:
    """A script has no eyes."""

    def show(self, stages: list[StageProgress], images: Any) -> None:
        del stages, images


def _absolute(images: str, beside: Path) -> str:
    """The tasks run in another folder than the one that this is called in."""
    if is_address(images):
        return images
    if not images:
        raise FirstpassError("images is empty", "name a folder, s3://bucket/prefix or cvat:task/12")
    return str(beside / Path(images).expanduser())


def _score(name: str, value: float) -> float:
    if not 0 <= value <= 1:
        raise FirstpassError(f"{name} is {value:g}", "give a number from 0 to 1, for example 0.4")
    return value


def _publish(run_id: str) -> dict[str, Any]:
    """The summary of publishing; what keeps the whole run from being published is its `reason`."""
    from firstpass.nightly.publish import publish_and_renew

    try:
        return publish_and_renew(run_id)
    except (FirstpassError, CvatDown) as error:
        return {"run_id": run_id, "state": "failed", "reason": error.problem, "tasks": []}


def _error(run_id: str, summary: dict[str, Any]) -> RunError | None:
    """What the failed stage left word of: in storage, else in the warehouse."""
    recorded = summary.get("error")
    return RunError.load(run_id) or (RunError(**recorded) if recorded else None)


def _summary(run_id: str) -> dict[str, Any] | None:
    """None for a run that ended before the warehouse heard of it."""
    from firstpass.warehouse.connection import connect
    from firstpass.warehouse.run_summary import run_summary

    with closing(connect()) as connection:
        try:
            return run_summary(connection, run_id)
        except FirstpassError:
            return None

"""Watching a run from outside: what Airflow says of its tasks and what its chunks say of their images."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from firstpass import storage
from firstpass.airflow.rest_client import AirflowApi, TaskInstance
from firstpass.chunks.planning import read_chunks
from firstpass.contracts.stages import STAGES
from firstpass.errors import FirstpassError, Unavailable

DAG = "preannotate"
LONGEST_ABSENCE = 600.0  # seconds that an API server may stay away
_FIRST_PAUSE, _LONGEST_PAUSE = 5.0, 60.0
_MANY = 100  # task instances from which on Airflow is asked less often


@dataclass(frozen=True, slots=True)
class StageProgress:
    """One stage of a run. state: waiting, running, done, failed or skipped. seconds: since its first task started, or
    as long as it took."""

    name: str
    state: str
    seconds: float


@dataclass(frozen=True, slots=True)
class ImageCounts:
    """Images inferred so far, of all that the run's chunks hold."""

    done: int
    total: int


class RunView(Protocol):
    """Something that shows a run's progress."""

    def show(self, stages: list[StageProgress], images: ImageCounts) -> None:
        """Take the latest state; called about once per second."""


def watch(
    api: AirflowApi, run_id: str, run_uri: str, view: RunView, say: Callable[[str], None]
) -> tuple[str, list[StageProgress]]:
    """Follow a run to its end. Returns Airflow's state of it, `success` or `failed`, and its stages.

    An API that does not answer is asked again, with growing pauses; `say` gets a line for each. Raises Unavailable when
    it stays away for LONGEST_ABSENCE; the run itself continues.
    """
    counter = ImageCounter(run_uri)
    images = ImageCounts(0, 0)
    while True:
        state, instances = _look(api, run_id, say)
        stages = summarize(instances, datetime.now(UTC))
        if _state_of(stages, "plan_chunks") == "done":
            images = counter.read()
        view.show(stages, images)
        if state in {"success", "failed"}:
            return state, stages
        time.sleep(0.7 if len(instances) < _MANY else 3)


def _look(api: AirflowApi, run_id: str, say: Callable[[str], None]) -> tuple[str, list[TaskInstance]]:
    """The run's state and its task instances, as soon as Airflow tells them."""
    pause, waited = _FIRST_PAUSE, 0.0
    while True:
        try:
            seen = api.run_state(DAG, run_id), api.task_instances(DAG, run_id)
        except Unavailable as error:
            if waited >= LONGEST_ABSENCE:
                raise Unavailable(
                    f"{error.problem}; it was asked for {LONGEST_ABSENCE // 60:.0f} minutes. The run {run_id} continues"
                    " without being watched",
                    f"{error.fix}; the run is at {api.run_page(DAG, run_id)}, and `firstpass report {run_id}` finds its"
                    " report",
                ) from error
            say(f"Airflow's API does not answer; the run continues. Asking again in {pause:.0f} s")
        else:
            if waited:
                say("Airflow's API answers again")
            return seen
        time.sleep(pause)
        waited += pause
        pause = min(2 * pause, _LONGEST_PAUSE)


def summarize(instances: list[TaskInstance], now: datetime) -> list[StageProgress]:
    """The stages, in order, from the task instances of a run: mapped ones count as one stage, whatever the engine."""
    return [_stage(name, [i for i in instances if i.task_id in (name, f"{name}_in_pod")], now) for name in STAGES]


class ImageCounter:
    """Counts a run's images from what its chunks leave in storage: manifests, progress notes and done-markers."""

    def __init__(self, run_uri: str) -> None:
        self._run_uri = run_uri
        self._planned: dict[str, int] = {}  # result file's name → images planned
        self._done: dict[str, int] = {}

    def read(self) -> ImageCounts:
        """The counts of now. What cannot be read at the moment, storage being away, keeps its last count."""
        with suppress(OSError, FirstpassError):
            self._read()
        return ImageCounts(sum(self._done.values()), sum(self._planned.values()))

    def _read(self) -> None:
        if not self._planned:
            self._planned = {_name(chunk.output_uri): len(chunk.images) for chunk in read_chunks(self._run_uri)}
        for entry in storage.listing(storage.join(self._run_uri, "results")):
            result, _, kind = _name(entry.uri).partition(".parquet")
            result += ".parquet"
            planned = self._planned.get(result, 0)
            if kind == ".done.json":
                self._done[result] = planned
            elif kind == ".progress.json" and self._done.get(result, 0) < planned:
                self._done[result] = _progress(entry.uri, self._done.get(result, 0))


def _stage(name: str, instances: list[TaskInstance], now: datetime) -> StageProgress:
    states = {instance.state for instance in instances}
    begun = [instance.started for instance in instances if instance.started]
    finished = bool(instances) and all(instance.finished for instance in instances)
    if finished and states & {"failed", "upstream_failed"}:
        state = "failed"
    elif finished:
        state = "done" if "success" in states else "skipped"
    else:
        state = "running" if begun else "waiting"
    ended = max((instance.ended for instance in instances if instance.ended), default=now) if finished else now
    return StageProgress(name, state, max(0.0, (ended - min(begun)).total_seconds()) if begun else 0.0)


def _state_of(stages: list[StageProgress], name: str) -> str:
    return next(stage.state for stage in stages if stage.name == name)


def _progress(uri: str, otherwise: int) -> int:
    try:
        return int(json.loads(storage.read(uri))["done"])
    except (OSError, FirstpassError, ValueError, KeyError, TypeError):
        return otherwise


def _name(uri: str) -> str:
    return uri.rsplit("/", 1)[-1]

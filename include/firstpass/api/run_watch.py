"""Watching a run from outside: what Airflow says of its tasks and what its chunks say of their images."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from firstpass import storage
from firstpass.airflow.rest_client import AirflowApi, TaskInstance
from firstpass.chunks.planning import read_chunks
from firstpass.contracts.stages import STAGES

DAG = "preannotate"
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


def watch(api: AirflowApi, run_id: str, run_uri: str, view: RunView) -> tuple[str, list[StageProgress]]:
    """Follow a run to its end. Returns Airflow's state of it, `success` or `failed`, and its stages.

    Raises FirstpassError when Airflow does not answer for a minute; the run itself continues.
    """
    counter = ImageCounter(run_uri)
    images = ImageCounts(0, 0)
    while True:
        state = api.run_state(DAG, run_id)
        instances = api.task_instances(DAG, run_id)
        stages = summarize(instances, datetime.now(UTC))
        if _state_of(stages, "plan_chunks") == "done":
            images = counter.read()
        view.show(stages, images)
        if state in {"success", "failed"}:
            return state, stages
        time.sleep(0.7 if len(instances) < _MANY else 3)


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
        """The counts of now. What cannot be read at the moment keeps its last count."""
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
        return ImageCounts(sum(self._done.values()), sum(self._planned.values()))


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
    except (OSError, ValueError, KeyError, TypeError):
        return otherwise


def _name(uri: str) -> str:
    return uri.rsplit("/", 1)[-1]

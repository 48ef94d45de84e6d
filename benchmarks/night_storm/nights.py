"""A night: the tasks of the DAGs `preannotate` and `publish`, in their order and with their retries, in a storm."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any

from night_storm.faults import Fault, Weather, choose
from night_storm.tasks import Call, Ended, Tries

_PREANNOTATE, _PUBLISH = "firstpass.nightly.preannotate", "firstpass.nightly.publish"
_RETRIES = {_PREANNOTATE: 3, _PUBLISH: 5}
_LONGEST = 300.0  # seconds that a try may take before it counts as hung
_PAUSE = 0.3  # before the first retry; Airflow's would be ten seconds


@dataclass
class Run:
    """One run of a DAG. green: whether Airflow would show it so. steps: every try, with what befell it."""

    run_id: str
    source: str
    images: str
    green: bool = False
    steps: list[dict[str, Any]] = field(default_factory=list)

    def finished(self, stage: str) -> bool:
        """Whether the last try of each part of a stage went well."""
        last = {step["part"]: step["error"] for step in self.steps if step["stage"] == stage}
        return bool(last) and not any(last.values())


@dataclass
class Night:
    """number: from 1. chance: of a fault in each try. usual: seconds that a stage takes when nothing happens to it."""

    number: int
    seed: int
    chance: float
    tries: Tries
    weather: Weather
    usual: dict[str, float]
    say: Callable[[str, Run], None]
    enough: Callable[[], bool]

    def preannotate(self, source: str, images: str) -> Run:
        """All of `preannotate` over one source."""
        run = Run(f"storm-{self.number:04d}-{source}", source, images)
        request = {"run_id": run.run_id, "images": images, "model": "storm", "publish": True}
        uri = self._task(run, "resolve_model", Call("night_storm.tasks:open_run", [request], {})).value
        chunks = None
        if uri and self._all(run, uri, ("admit_model", "catalogue_images")):
            planned = self._task(run, "plan_chunks", _call("plan_chunks", uri))
            chunks = None if planned.error else planned.value
        if chunks:
            with ThreadPoolExecutor(2) as workers:
                list(workers.map(lambda chunk: self._task(run, "infer", _call("infer", chunk), chunk[-10:-5]), chunks))
        # `merge` goes by the plan alone, whatever became of the chunks.
        merged = self._task(run, "merge", _call("merge", uri, chunks))
        run.green = not merged.error and self._all(run, uri, ("check", "report"))
        if not run.green:
            self.weather.database.wait()
            self._try(f"{run.run_id}-callback", Call("night_storm.tasks:close_run", [run.run_id, request], {}), None)
        return run

    def publish(self) -> Run:
        """All of `publish`, which takes up whatever was not published yet."""
        run = Run(f"storm-{self.number:04d}-publish", "cvat", "")
        found = self._task(run, "find_work", Call(f"{_PUBLISH}:find_work", [""], {"unchecked": False}), dag=_PUBLISH)
        work = found.value or []
        done = []
        for number, item in enumerate(work):
            arguments = [item["run_id"], item["tasks"], None]
            call = Call(f"{_PUBLISH}:publish", arguments, {"unchecked": False})
            done.append(self._task(run, "publish", call, str(number), _PUBLISH))
        renewed = True
        if any(not each.error for each in done):
            renew = Call(f"{_PUBLISH}:renew_reports", [work], {})
            renewed = not self._task(run, "renew_reports", renew, dag=_PUBLISH).error
        asked = self._task(run, "questions", Call(f"{_PUBLISH}:questions", [], {}), dag=_PUBLISH)
        run.green = renewed and not any(each.error for each in (found, asked, *done))
        return run

    def _all(self, run: Run, uri: str, stages: Sequence[str]) -> bool:
        return all(not self._task(run, stage, _call(stage, uri)).error for stage in stages)

    def _task(self, run: Run, stage: str, call: Call, part: str = "", dag: str = _PREANNOTATE) -> Ended:
        """A task with its retries. Returns how the last try ended."""
        dice = random.Random(f"{self.seed}/{self.number}/{run.source}/{stage}/{part}")
        key = f"{run.source}/{stage}"
        for number in range(1, _RETRIES[dag] + 2):
            # The last try is mostly spared: most nights must come to an end that is worth checking.
            chance = self.chance if number <= _RETRIES[dag] else self.chance / 10
            strikes = not self.enough() and dice.random() < chance
            fault = choose(dice, run.source, stage, self.usual.get(key, 1.0)) if strikes else None
            name = "-".join(filter(None, (run.run_id, stage, part, str(number))))
            ended = self._try(name, call, fault)
            step = {"stage": stage, "part": part, "try": number, "seconds": round(ended.seconds, 2),
                    "error": ended.error, "fault": None}  # fmt: skip
            run.steps.append(step)
            if fault:
                step["fault"] = fault  # still being counted while it lasts
                if fault.hit:
                    self.say(f"{stage}{part and ' '}{part}, try {number}: {fault.kind}: {_short(ended.error)}", run)
            if not ended.error:
                if not (fault and fault.hit):
                    self.usual[key] = round(0.7 * self.usual.get(key, ended.seconds) + 0.3 * ended.seconds, 3)
                return ended
            if ended.for_a_person:
                break
            time.sleep(_PAUSE * 2 ** (number - 1))
        return ended

    def _try(self, name: str, call: Call, fault: Fault | None) -> Ended:
        running = self.tries.start(name, call)
        if fault:
            self.weather.strike(fault, running)
        if not running.wait(_LONGEST):
            for process in running.children():
                process.kill()
            running.process.kill()
            return Ended(None, f"HUNG for {_LONGEST:.0f} s", True, _LONGEST)
        return running.ended()


def settled(run: Run) -> Run:
    """The run with its faults as plain data, once they are over."""
    for step in run.steps:
        if isinstance(step["fault"], Fault):
            step["fault"] = asdict(step["fault"])
    return run


def _call(function: str, *arguments: Any) -> Call:
    return Call(f"{_PREANNOTATE}:{function}", list(arguments), {})


def _short(error: str | None) -> str:
    return error.splitlines()[0][:120] if error else "went on"

"""A storm that goes on: day after day, night after night, and the counting after each."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from doubles.cvat import CvatDouble
from firstpass.settings import settings
from night_storm import faults, killer, real, saving, servers, tasks, verify, verify_cvat, world
from night_storm.journal import Journal
from night_storm.nights import Night, Run, settled
from night_storm.places import ROOT, Places
from night_storm.postgres import KeptPostgres
from night_storm.reference import Reference


@dataclass
class Storm:
    """stack: where nights are real."""

    places: Places
    database: KeptPostgres
    cvat: CvatDouble
    bucket: servers.Bucket
    weather: faults.Weather
    saved: saving.Saved
    journal: Journal
    reference: Reference
    world: world.World
    person: servers.Person
    stack: real.RealNights | None = None

    @property
    def dsn(self) -> str:
        return self.stack.dsn if self.stack else self.database.dsn

    def night(self, kills: int, chance: float) -> None:
        """A day and a night; then everything is counted and saved. chance 0: a calm one."""
        number, started = self.saved.night + 1, time.monotonic()
        said = self._day(number)
        print(f"night {number}: {'; '.join(said)}", flush=True)
        images = {
            "folder": str(self.places.photos),
            "s3": f"s3://{servers.BUCKET}/{servers.PREFIX}",
            "cvat": f"cvat:project/{next(iter(self.cvat.state.projects))}",
        }
        sources = list(images)
        random.Random(f"{self.saved.seed}/{number}/order").shuffle(sources)
        wanted = {source: verify.expected(self.world, self.places, source) for source in sources}
        self._count, self._struck = self.journal.hits, 0
        through = self._real_night if self.stack else self._quick_night
        runs = through(number, {source: images[source] for source in sources}, kills, chance)
        self.weather.clear()
        violations = self._count_up(runs, wanted, calm=not chance)
        self.saved.night = number
        self.journal.add(
            {
                "night": number,
                "seed": self.saved.seed,
                "code": _code(),
                "seconds": round(time.monotonic() - started, 1),
                "images": sum(map(len, wanted.values())),
                "day": said,
                "runs": [self._record(settled(run)) for run in runs],
                "violations": violations,
                "litter": verify.litter(self.places),
            }
        )
        for path in self.places.temporary.iterdir():  # counted once
            subprocess.run(["rm", "-rf", str(path)], check=True)
        if not self.stack:
            saving.save(self.saved, self.places, self.database, self.cvat, self.world, self.person)
        for sentence in violations:
            print(f"  VIOLATION: {sentence}", flush=True)

    def _quick_night(self, number: int, images: dict[str, str], kills: int, chance: float) -> list[Run]:
        """Through the functions of the DAGs."""

        def enough() -> bool:
            return self._count + self._struck >= kills

        tries = tasks.Tries(self.places.logs)
        night = Night(number, self.saved.seed, chance, tries, self.weather, self.saved.usual, self._say, enough)
        return [night.preannotate(source, uri) for source, uri in images.items()] + [night.publish()]

    def _real_night(self, number: int, images: dict[str, str], _: int, chance: float) -> list[Run]:
        """Through Airflow."""
        assert self.stack is not None
        runs = []
        for source, uri in images.items():
            run = self.stack.run(number, source, uri, 6 if chance else 0)
            for step in run.steps:
                if step["fault"]:
                    self._say(f"killed {step['part']} after {step['seconds']} s", run)
            print(f"        {source:6} {run.run_id} is {'green' if run.green else 'red'}", flush=True)
            runs.append(run)
        return [*runs, Run(f"storm-{number:04d}-publish", "cvat", "", green=self.stack.published())]

    def _day(self, number: int) -> list[str]:
        dice = random.Random(f"{self.saved.seed}/{number}/day")
        said = world.evolve(self.world, dice, self.places, number)
        corrected = self.person.work(self.cvat, self.world, dice)
        uploaded = 0
        if number == 1 or dice.random() < 0.7:
            uploaded = servers.new_task(self.cvat, self.world, dice, self.places, number)
        world.lay_out(self.world, self.places)
        self.bucket.lay_out(self.world, self.places)
        return [*said, f"cvat: {uploaded} frames added, {corrected} worked on"]

    def _count_up(self, runs: list[Run], wanted: dict[str, dict[str, verify.Expected]], calm: bool) -> list[str]:
        violations = self._wait_for_leftovers()
        for run in runs:
            hung = [step for step in run.steps if (step["error"] or "").startswith("HUNG")]
            violations += [f"{run.run_id}: {step['stage']} hung" for step in hung]
            if calm and not run.green:
                errors = [step["error"] for step in run.steps if step["error"]]
                violations.append(f"{run.run_id}: red, though nothing happened: {errors}")
            if run.images:
                found = verify.check_run(self.dsn, run, wanted[run.source], self.reference)
                violations += [f"{run.run_id}: {sentence}" for sentence in found]
        everything = calm and runs[-1].green
        return violations + verify_cvat.check_shapes(self.dsn, self.cvat, self.world, self.person, everything)

    def _wait_for_leftovers(self, seconds: float = 60) -> list[str]:
        """What killed tasks left running may finish what it does, and must then be gone."""
        deadline = time.monotonic() + seconds
        while left := tasks.leftovers(self.places.state, " infer " if self.stack else ""):
            if time.monotonic() > deadline:
                sentences = [f"left running: {' '.join(process.cmdline())}" for process in left]
                for process in left:
                    process.kill()
                return sentences
            time.sleep(0.3)
        return []

    def _record(self, run: Run) -> dict[str, object]:
        row = verify.state_of(self.dsn, run.run_id) if run.images else None
        return {
            "run_id": run.run_id,
            "source": run.source,
            "images": run.images,
            "green": run.green,
            "state": row,
            "steps": run.steps,
        }

    def _say(self, what: str, run: Run) -> None:
        self._struck += 1
        print(f"  {self._count + self._struck:4}  {run.source:6} {what}", flush=True)


@contextmanager
def storm(state: Path, seed: int, through_airflow: bool) -> Iterator[Storm]:
    """Everything up, as it was after the last night. A real stack begins anew, with empty sources; the counts go on."""
    places = Places(state)
    os.environ["FIRSTPASS_HOME"] = str(places.home)
    killer.install(state / "plugin")
    sys.path.insert(0, str(state / "plugin"))
    tempfile.gettempdir()  # what it says now stays: the storm's own files are none of the children's
    _end_leftovers(places)
    saved = saving.load(places, seed, servers.free_port())
    with ExitStack() as stack:
        mounted = faults.mount(places)
        stack.callback(faults.unmount, places)
        database = stack.enter_context(KeptPostgres())
        bucket = stack.enter_context(servers.bucket())
        cvat = stack.enter_context(CvatDouble(port=saved.port))
        environment = places.environment(database.dsn, bucket.proxy.endpoint, cvat.connection())
        os.environ.update(environment)
        settings.cache_clear()
        _sync_model(state)
        here, person = saving.restore(saved, places, database, cvat)
        reference = Reference(places)
        stack.callback(reference.close)
        weather = faults.Weather(places, database, bucket, cvat, mounted)
        journal = Journal(places.journal, None if through_airflow else saved.night)
        going = Storm(places, database, cvat, bucket, weather, saved, journal, reference, here, person)
        if through_airflow:
            saved.night = journal.last
            going.stack = stack.enter_context(real.real_nights(places, environment))
        yield going


def _sync_model(state: Path) -> None:
    """The default model as one of the kind that can be killed by a picture."""
    from firstpass.nightly.sync_models import sync_source, wanted_sources

    source = state / "model"
    if not source.exists():
        original = next((ROOT / "include" / "models" / "nanodet-coco").iterdir())
        source.mkdir()
        for path in original.iterdir():
            if path.name != "model.json":
                name = killer.WEIGHTS if path.suffix == ".pb" else path.name
                (source / name).write_bytes(path.read_bytes())
        (source / "model.yaml").write_text(f"kind: {killer.NAME}\nthreshold: 0.4\n")
    for wanted in wanted_sources("storm", str(source)):
        sync_source(wanted)


def _end_leftovers(places: Places) -> None:
    """Of a storm that was killed in this state."""
    for process in tasks.leftovers(places.state):
        process.kill()


def _code() -> str:
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()

"""Nights through the real stack: supervisord, Airflow's processes, LocalExecutor, PostgreSQL; all may be killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Any

import psutil
import psycopg2

from fixtures.real_stack import FIRSTPASS, Stack, running_stack
from night_storm.nights import Run
from night_storm.places import Places

_STACK = "FIRSTPASS_HOME"  # in the environment of all but PostgreSQL's own processes
_PROGRAMS = {
    "infer": (" infer ",),
    "task": ("airflow supervisor", "task runner", "airflow task"),
    "worker": ("airflow worker",),
    "scheduler": ("airflow scheduler",),
    "api-server": ("airflow api", "api_server", "api-server"),
    "dag-processor": ("dag-processor", "dag_processor"),
    "postgres": ("postgres -D",),
}
_WEIGHTS = {"infer": 5, "task": 5, "worker": 3, "scheduler": 2, "api-server": 1, "dag-processor": 1, "postgres": 2}
_LONGEST = 900.0  # seconds until a run counts as hung


@dataclass
class RealNights:
    """A stack that is up."""

    stack: Stack
    dsn: str
    dice: random.Random = field(default_factory=random.Random)

    def run(self, number: int, source: str, images: str, kills: int) -> Run:
        """`firstpass run`, with so many kills at random moments; waits until Airflow has ended the run."""
        command = [FIRSTPASS, "run", "--images", images, "--json", *(["--publish"] if source == "cvat" else [])]
        log = (self.stack.home / f"run-{number:04d}-{source}.log").open("w")
        before = self._runs(images)
        with (
            log,
            subprocess.Popen(
                command, env=self.stack.environment, cwd=self.stack.home, stdout=log, stderr=log
            ) as watching,
        ):
            over = Event()
            saboteur = Saboteur(self.stack.home, self.dice, kills, over)
            saboteur.start()
            began = time.monotonic()
            while time.monotonic() - began < _LONGEST and (watching.poll() is None or self._open_runs(images)):
                time.sleep(1)
            over.set()
            saboteur.join()
            watching.kill()
        new = [run for run in self._runs(images) if run not in before]
        run_id = new[-1] if new else f"none of {images}"
        run = Run(run_id, source, images, green=self._dag_state(run_id) == "success")
        run.steps = saboteur.steps or [
            {"stage": "run", "part": "", "try": 1, "seconds": 0, "error": None, "fault": None}
        ]
        if self._open_runs(images):
            hung = {"stage": "run", "part": "", "try": 1, "seconds": _LONGEST, "fault": None}
            run.steps.append(hung | {"error": f"HUNG for {_LONGEST:.0f} s"})
        return run

    def published(self) -> bool:
        """Wait until nothing of DAG `publish` is under way. Whether its last run was green."""
        deadline = time.monotonic() + _LONGEST
        while time.monotonic() < deadline:
            states = self._airflow("SELECT state FROM dag_run WHERE dag_id = 'publish' ORDER BY id")
            if states and all(state in ("success", "failed") for (state,) in states):
                return bool(states[-1][0] == "success")
            time.sleep(1)
        return False

    def _runs(self, images: str) -> list[str]:
        return [run for run, _ in self._dag_runs(images)]

    def _open_runs(self, images: str) -> bool:
        return any(state not in ("success", "failed") for _, state in self._dag_runs(images))

    def _dag_runs(self, images: str) -> list[tuple[str, str]]:
        rows = self._airflow("SELECT run_id, state, conf FROM dag_run WHERE dag_id = 'preannotate' ORDER BY id")
        return [(run, state) for run, state, conf in rows if (conf or {}).get("images") == images]

    def _dag_state(self, run_id: str) -> str | None:
        return next((state for run, state in self._airflow("SELECT run_id, state FROM dag_run") if run == run_id), None)

    def _airflow(self, query: str) -> list[Any]:
        """From Airflow's own tables, as soon as the server answers."""
        while True:
            try:
                dsn = self.dsn.replace("/firstpass?", "/airflow?")
                with closing(psycopg2.connect(dsn)) as conn, conn.cursor() as cur:
                    cur.execute(query)
                    return cur.fetchall()
            except psycopg2.Error:
                time.sleep(0.5)


class Saboteur(Thread):
    """Kills something of the stack every few seconds, until it has killed enough or the run is over."""

    def __init__(self, home: Path, dice: random.Random, kills: int, over: Event) -> None:
        super().__init__(daemon=True)
        self._home, self._dice, self._kills, self._over = home, dice, kills, over
        self.steps: list[dict[str, Any]] = []

    def run(self) -> None:
        began = time.monotonic()
        while len(self.steps) < self._kills and not self._over.wait(self._dice.uniform(1, 10)):
            found = {name: list(_processes(self._home, words)) for name, words in _PROGRAMS.items()}
            there = [name for name, processes in found.items() if processes]
            if not there:
                continue
            name = self._dice.choices(there, [_WEIGHTS[each] for each in there])[0]
            with suppress(psutil.Error):
                self._dice.choice(found[name]).send_signal(signal.SIGKILL)
                delay = round(time.monotonic() - began, 1)
                fault = {"kind": f"real-{name}", "delay": delay, "seconds": 0.0, "hit": True}
                self.steps.append(
                    {"stage": "run", "part": name, "try": 1, "seconds": delay, "error": None, "fault": fault}
                )


def _processes(home: Path, words: tuple[str, ...]) -> Iterator[psutil.Process]:
    instance = (home / "var" / "instance").read_text().strip()
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            line = " ".join(process.cmdline())
            if not any(word in line for word in words):
                continue
            if instance in line or process.environ().get(_STACK) == str(home):
                yield process


@contextmanager
def real_nights(places: Places, environment: dict[str, str]) -> Iterator[RealNights]:
    """A stack in a home of its own, taken down at the end."""
    left = {"FIRSTPASS_HOME", "FIRSTPASS_STORAGE", "FIRSTPASS_WAREHOUSE_DSN", "AIRFLOW_HOME", "TMPDIR"}
    mine = {name: value for name, value in environment.items() if name not in left}
    # A pause between tries of ten seconds and more is Airflow's; it is not shortened here.
    home = places.state / "stack" / f"{os.getpid()}"
    home.parent.mkdir(exist_ok=True)
    with running_stack(home, **mine, FIRSTPASS_MODEL="storm") as stack:
        dsn = stack("sql", "--dsn").stdout.strip()
        yield RealNights(stack, dsn)

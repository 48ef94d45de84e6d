"""A storm: publishers that are killed, a server that fails, and a person who works in the same task meanwhile.

The publisher runs in processes of its own, forked from one that has everything imported. Also used by
benchmarks/cvat_storm.py.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from psycopg2.extensions import connection

from doubles.cvat import CvatDouble, Task
from fixtures.cvat_runs import Night, boxes, jpeg

FRAMES = 60
PIECE = 12  # shapes per request, so that there are many
FAULTS: list[tuple[str, int, dict[str, Any]]] = [
    *(("status", status, {"when": when}) for status in (500, 502, 503, 504) for when in ("before", "after")),
    ("status", 429, {"retry_after": "0"}),
    ("drop", 0, {"when": "before"}),
    ("drop", 0, {"when": "after"}),
    ("truncate", 0, {"when": "after"}),
    ("slow", 0, {"seconds": 0.1}),
    ("late", 504, {"seconds": 0.1}),
    ("html", 0, {}),
    ("status", 503, {"method": "GET", "path": "annotations"}),
    ("drop", 0, {"method": "GET", "path": "annotations"}),
]


@dataclass
class Person:
    """Somebody who works in the task while we publish: draws, edits and deletes."""

    cvat: CvatDouble
    task: Task
    dice: random.Random
    theirs: dict[int, dict[str, Any]] = field(default_factory=dict)
    deleted: set[int] = field(default_factory=set)

    def work(self, frame: int) -> None:
        """One thing on one frame."""
        with self.cvat.state.lock:
            drafts = [s for s in self.task.shapes.values() if s["frame"] == frame and s["id"] not in self.theirs]
            if not drafts or self.dice.random() < 0.4:
                drawn = self.cvat.state.draw(self.task, frame, "person", [1.0, 1.0, 9.0, 9.0])
                self.theirs[drawn["id"]] = dict(drawn)
            elif self.dice.random() < 0.7:
                edited = self.dice.choice(drafts) | {"points": [0.0, 0.0, 7.0, 7.0], "source": "semi-auto"}
                self.cvat.state.update(self.task, {"shapes": [edited]})
                self.theirs[edited["id"]] = dict(self.task.shapes[edited["id"]])
            else:
                gone = self.dice.choice(drafts)
                self.cvat.state.delete(self.task, {"shapes": [gone]})
                self.deleted.add(gone["id"])


@dataclass
class Toll:
    """What a storm did, and what it broke: sentences, none if all is well."""

    kills: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    versions: int = 0
    shapes: int = 0
    person_shapes: int = 0
    broken: list[str] = field(default_factory=list)

    @property
    def events(self) -> int:
        return self.kills + self.faults.total()


def rage(warehouse: connection, dsn: str, cvat: CvatDouble, events: int, seed: int) -> Toll:
    """One model version after the other replaces its predecessor's drafts, each through kills and faults.

    After each, a publish in calm must find or make every shape exactly once. Ends after `events` kills and faults.
    """
    from firstpass.cvat.publishing.publish_run import publish_run

    dice = random.Random(seed)
    labels = ["person", "car", "traffic light"]
    task = cvat.state.add_task("storm", labels=labels, frames=[jpeg()] * FRAMES, segment_size=FRAMES)
    person = Person(cvat, task, dice)
    toll = Toll()
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(
        ["cvat.publishing.storm", "cvat_sdk.api_client", "firstpass.cvat.publishing.publish_run"]
    )
    while toll.events < events:
        toll.versions += 1
        night = _night(toll.versions, task)
        night.save(warehouse)
        for _ in range(4):
            for kind, status, options in dice.choices(FAULTS, k=dice.randrange(4)):
                cvat.faults.add(kind, status, skip=dice.randrange(3), **options)  # type: ignore[arg-type]
            runs = dice.choice([[night.run_id], [night.run_id], 2 * [night.run_id], ["-" + night.run_id]])
            toll.kills += _run_and_kill(processes, dice, dsn, cvat, runs)
            if dice.random() < 0.1:
                person.work(dice.randrange(FRAMES))
        toll.faults = Counter(fault.kind for fault in cvat.faults.hits)
        cvat.faults.clear()
        time.sleep(0.15)  # the last late request arrives
        touched = {task.shapes[n]["frame"] for n in person.theirs} | _frames_of(warehouse, person.deleted)
        if publish_run(night.run_id)["state"] != "published":
            toll.broken.append(f"version {toll.versions} could not be published in calm")
        toll.broken += _broken(task, person, night.found, touched)
    toll.shapes, toll.person_shapes = len(task.shapes), len(person.theirs)
    return toll


def _night(version: int, task: Task) -> Night:
    return Night(
        f"night {version}",
        task.id,
        {frame: boxes(frame, 2 + version % 2, shift=version / 4) for frame in range(FRAMES)},
        version=f"{version:012x}",
        decided_at=f"2026-01-01 {version // 60:02d}:{version % 60:02d}",
        started_at=f"2026-02-01 {version // 60:02d}:{version % 60:02d}",
    )


def _run_and_kill(processes: Any, dice: random.Random, dsn: str, cvat: CvatDouble, runs: list[str]) -> int:
    """Start one or two publishers; half of them do not live to the end. Returns how many were killed."""
    started = [processes.Process(target=publish, args=(dsn, cvat.connection(), run)) for run in runs]
    for process in started:
        process.start()
    kills = 0
    for process in started:
        process.join(dice.choice((0.1, 0.2, 0.3, 0.4, 20.0, 20.0, 20.0)))
        if process.is_alive():
            process.kill()
            kills += 1
        process.join()
    return kills


def publish(dsn: str, connection_json: str, run_id: str) -> None:
    """What is killed: one try at publishing, or at withdrawing a run whose name begins with a minus."""
    os.environ["FIRSTPASS_WAREHOUSE_DSN"] = dsn
    os.environ["AIRFLOW_CONN_CVAT_DEFAULT"] = connection_json
    from firstpass.cvat.publishing import recovery, sending
    from firstpass.cvat.publishing.publish_run import publish_run
    from firstpass.cvat.publishing.withdrawal import withdraw_run
    from firstpass.cvat.server import client, uncertain_writes
    from firstpass.settings import settings

    settings.cache_clear()
    sending.PIECE = PIECE
    uncertain_writes.FIRST_WAIT = client.READ_BACKOFF = 0.01
    recovery.LATE = 0.0
    if run_id.startswith("-"):
        withdraw_run(run_id[1:])
    else:
        publish_run(run_id)


def _frames_of(warehouse: connection, deleted: set[int]) -> set[int]:
    """The frames whose drafts somebody deleted: nothing is drafted there again."""
    with warehouse, warehouse.cursor() as cur:
        cur.execute("SELECT frame FROM published_shapes WHERE shape_id = ANY(%s::bigint[])", [list(deleted)])
        return {frame for (frame,) in cur}


def _broken(task: Task, person: Person, found: Mapping[int, Any], touched: set[int]) -> list[str]:
    broken = []
    if {n: task.shapes.get(n) for n in person.theirs} != person.theirs:
        broken.append("a person's shape was changed")
    seen = Counter((s["frame"], s["score"], *s["points"]) for n, s in task.shapes.items() if n not in person.theirs)
    broken += [f"twice: {key}" for key, count in seen.items() if count > 1]
    for frame in found.keys() - touched:
        wanted = {(frame, score, *box) for _, score, box in found[frame]}
        there = {key for key in seen if key[0] == frame}
        if there != wanted:
            broken.append(f"frame {frame}: missing {wanted - there}, too much {there - wanted}")
    return broken

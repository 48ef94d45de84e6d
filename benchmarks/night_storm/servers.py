"""The storm's S3 and CVAT: doubles on sockets, whose content is put back after an interruption."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from doubles.cvat import CvatDouble, Frame, Job, Label, Project, Task
from doubles.s3 import s3_client, s3_server
from doubles.s3_faults import FaultyS3, faulty_s3
from night_storm import pictures
from night_storm.places import Places
from night_storm.world import LABELS, World

BUCKET = "photos"
PREFIX = "inbox/"


@dataclass
class Bucket:
    """The S3 server's one bucket, and the proxy before it that clients talk to."""

    proxy: FaultyS3
    client: Any
    there: dict[str, str] = field(default_factory=dict)

    def lay_out(self, world: World, places: Places) -> None:
        """Make it what it should be."""
        wanted = {key: item.sha256 or "" for key, item in world.objects.items()}
        for key in self.there.keys() - wanted.keys():
            self.client.delete_object(Bucket=BUCKET, Key=PREFIX + key)
        for key, content in wanted.items():
            if self.there.get(key) != content:
                body = (places.pictures / content).read_bytes()
                self.client.put_object(Bucket=BUCKET, Key=PREFIX + key, Body=body)
        self.there = wanted


@contextmanager
def bucket() -> Iterator[Bucket]:
    with s3_server() as upstream, faulty_s3(upstream) as proxy:
        client = s3_client(upstream)
        client.create_bucket(Bucket=BUCKET)
        yield Bucket(proxy, client)


def free_port() -> int:
    """One for CVAT, which keeps its address for the whole storm: the ledger of shapes goes by it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Person:
    """Somebody who corrects drafts by day. theirs: what they drew or edited, by id, as it must stay."""

    theirs: dict[int, dict[str, Any]] = field(default_factory=dict)

    def work(self, cvat: CvatDouble, world: World, dice: random.Random) -> int:
        """Draw, edit or delete something on a few frames; returns on how many."""
        frames = [(task, frame) for task, contents in world.tasks.items() for frame in range(len(contents))]
        chosen = dice.sample(frames, min(len(frames), dice.choice((0, 1, 2, 3))))
        for number, frame in chosen:
            self._correct(cvat, cvat.state.tasks[number], frame, dice)
            if frame not in world.touched.setdefault(number, []):
                world.touched[number].append(frame)
        return len(chosen)

    def _correct(self, cvat: CvatDouble, task: Task, frame: int, dice: random.Random) -> None:
        drafts = [s for s in task.shapes.values() if s["frame"] == frame and s["id"] not in self.theirs]
        if not drafts or dice.random() < 0.4:
            drawn = cvat.state.draw(task, frame, "person", [1.0, 1.0, 9.0, 9.0])
            self.theirs[drawn["id"]] = dict(drawn)
        elif dice.random() < 0.6:
            edited = dice.choice(drafts) | {"points": [0.0, 0.0, 7.0, 7.0], "source": "semi-auto"}
            cvat.state.update(task, {"shapes": [edited]})
            self.theirs[edited["id"]] = dict(task.shapes[edited["id"]])
        else:
            cvat.state.delete(task, {"shapes": [dice.choice(drafts)]})


def new_task(cvat: CvatDouble, world: World, dice: random.Random, places: Places, night: int) -> int:
    """Somebody uploads a few pictures to annotate; returns how many."""
    project = next(iter(cvat.state.projects.values()), None)
    if project is None:
        labels = [{"name": name, "type": "rectangle"} for name in LABELS]
        project = cvat.state.add_project("storm", labels)
    contents = [pictures.photograph(dice) for _ in range(dice.randint(3, 8))]
    frames = [Frame(f"{night:03d}-{n}.jpg", data) for n, data in enumerate(contents)]
    task = cvat.state.add_task(
        f"night {night}",
        project=project,
        frames=frames,
        chunk_size=dice.choice((2, 3, 36)),
        segment_size=dice.choice((0, 3)),
    )
    world.tasks[task.id] = [pictures.keep(data, places.pictures) for data in contents]
    return len(contents)


def cvat_to_json(cvat: CvatDouble) -> dict[str, Any]:
    """Everything on the server but the pictures."""
    state = cvat.state
    with state.lock:
        return {
            "last_id": state.new_id(),
            "projects": [asdict(project) for project in state.projects.values()],
            "tasks": [_task_to_json(task) for task in state.tasks.values()],
        }


def cvat_from_json(cvat: CvatDouble, raw: dict[str, Any], world: World, places: Places) -> None:
    """Put everything back."""
    state = cvat.state
    while state.new_id() < raw["last_id"]:
        pass
    for fields in raw["projects"]:
        labels = [Label(**label) for label in fields.pop("labels")]
        state.projects[fields["id"]] = Project(labels=labels, **fields)
    for fields in raw["tasks"]:
        contents = [(places.pictures / content).read_bytes() for content in world.tasks[fields["id"]]]
        fields["frames"] = [Frame(*frame) for frame in zip(fields["frames"], contents, strict=True)]
        fields["project"] = state.projects[fields["project"]]
        fields["jobs"] = [Job(**job) for job in fields["jobs"]]
        for name in ("shapes", "in_job"):
            fields[name] = {int(key): value for key, value in fields[name].items()}
        state.tasks[fields["id"]] = Task(**fields)


def _task_to_json(task: Task) -> dict[str, Any]:
    return {
        **{name: getattr(task, name) for name in ("id", "name", "chunk_size", "segment_size", "revision", "shapes")},
        "in_job": task.in_job,
        "project": task.project.id if task.project else None,
        "frames": [frame.name for frame in task.frames or ()],
        "jobs": [asdict(job) for job in task.jobs],
    }

"""CVAT's tasks as Firstpass needs them: what can be drafted at all, frame sizes, jobs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from firstpass.cvat.server.client import Cvat
from firstpass.errors import FirstpassError


@dataclass(frozen=True, slots=True)
class Task:
    """A task that frames can be read from."""

    id: int
    name: str
    project: int | None
    size: int

    @property
    def scope(self) -> str:
        """What its mapping is remembered under: its project, or itself."""
        return f"task/{self.id}" if self.project is None else f"project/{self.project}"


@dataclass(frozen=True, slots=True)
class TaskMeta:
    """sizes: int32 [frames, 2], width and height as CVAT shows them. names: of the frames; one may stand for all.

    stamp: changes when the pictures may have.
    """

    sizes: NDArray[np.int32]
    names: tuple[str, ...]
    deleted: frozenset[int]
    stamp: str


def read_task(server: Cvat, number: int) -> Task:
    """One task. Raises FirstpassError for one without data, of video or of 3D data; Gone for one that is not there."""
    return _checked(server.get(f"/api/tasks/{number}"))


def read_tasks(
    server: Cvat, kind: str, numbers: Sequence[int], status: str | None = None
) -> Iterator[Task | FirstpassError]:
    """Tasks by number, or all tasks of these projects (kind: `task` or `project`), of one status or of every.

    Within a project, those that cannot be drafted come as the error they are. A task that was named itself raises; so
    does a project without any task.
    """
    for number in numbers:
        if kind == "task":
            yield read_task(server, number)
        else:
            yield from _of_project(server, number, status)


def _of_project(server: Cvat, project: int, status: str | None) -> Iterator[Task | FirstpassError]:
    server.get(f"/api/projects/{project}")  # a list of tasks says nothing of a project that is not there
    found = False
    query: dict[str, Any] = {"project_id": project, "sort": "id"} | ({"status": status} if status else {})
    for raw in server.pages("/api/tasks", **query):
        found = True
        try:
            yield _checked(raw)
        except FirstpassError as error:
            yield error
    if not found:
        raise FirstpassError(
            f"project {project} has no task" + (f" in status {status}" if status else ""),
            "make tasks in it, or choose another project",
        )


def _checked(raw: dict[str, Any]) -> Task:
    named = f"task {raw['id']} ({raw['name']})"
    if raw.get("dimension", "2d") != "2d":
        raise FirstpassError(f"{named} has {raw['dimension'].upper()} data", "choose tasks made of images")
    if raw.get("media_type") == "audio":
        raise FirstpassError(f"{named} has audio data", "choose tasks made of images")
    if not raw.get("size"):
        raise FirstpassError(f"{named} has no data", "upload its images in CVAT first, or leave it out")
    if raw.get("mode") == "interpolation" or raw.get("data_original_chunk_type") == "video":
        raise FirstpassError(f"{named} is a video", "make a task of the video's frames as images, and choose that")
    return Task(raw["id"], raw["name"], raw.get("project_id"), raw["size"])


def read_meta(server: Cvat, task: Task) -> TaskMeta:
    """Frame sizes and deleted frames, in one request."""
    raw = server.get(f"/api/tasks/{task.id}/data/meta")
    frames = raw["frames"]
    sizes = np.array([(frame["width"], frame["height"]) for frame in frames], np.int32).reshape(-1, 2)
    if len(sizes) == 1 and task.size > 1:  # one entry stands for all when they are equal
        sizes = np.repeat(sizes, task.size, axis=0)
    names = tuple(frame["name"] for frame in frames)
    return TaskMeta(sizes, names, frozenset(raw["deleted_frames"]), str(raw.get("chunks_updated_date")))


@dataclass(frozen=True, slots=True)
class TaskJobs:
    """segments: the frames of each annotation job. closed: frame → why drafts must not reach it any more."""

    segments: tuple[range, ...]
    closed: dict[int, str]


def read_jobs(server: Cvat, task: Task) -> TaskJobs:
    """The task's annotation jobs. Closed is what lies in a job beyond annotation, in replicas, or in no job at all."""
    segments: list[range] = []
    beyond: dict[int, str] = {}
    for job in server.pages("/api/jobs", task_id=task.id):
        if job.get("type", "annotation") != "annotation":
            continue
        frames = range(max(job["start_frame"], 0), min(job["stop_frame"], task.size - 1) + 1)
        segments.append(frames)
        if job.get("replicas_count") or job.get("consensus_replicas"):  # drafts would lie where nobody works
            beyond |= dict.fromkeys(frames, "people work on its job in replicas")
        if job["stage"] != "annotation" or job["state"] == "completed":
            stage = "completed" if job["state"] == "completed" else f"in {job['stage']}"
            beyond |= dict.fromkeys(frames, f"its job is {stage}")
    nowhere = set(range(task.size)).difference(*segments)
    return TaskJobs(tuple(segments), dict.fromkeys(sorted(nowhere), "in no annotation job") | beyond)

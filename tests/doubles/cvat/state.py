"""What the CVAT double remembers, and how CVAT changes it: projects, tasks, jobs, labels and shapes."""

from __future__ import annotations

import io
import threading
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import Any

from PIL import Image, ImageOps

OWNER = 1


class Refused(Exception):
    """An answer that is not 2xx: the body is a string, a list or an object, as CVAT's are."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(f"{status}: {body}")
        self.status = status
        self.body = body


@dataclass
class Frame:
    """One picture as it was uploaded. CVAT shows it upright, and its sizes are upright ones."""

    name: str
    data: bytes

    @cached_property
    def size(self) -> tuple[int, int]:
        """Width and height as CVAT's meta has them."""
        with Image.open(io.BytesIO(self.data)) as image:
            turned = image.getexif().get(0x0112, 1) in {5, 6, 7, 8}
            return (image.height, image.width) if turned else image.size

    def compressed(self, quality: int) -> bytes:
        """The JPEG that CVAT keeps for its own viewer: upright, RGB."""
        with Image.open(io.BytesIO(self.data)) as image:
            upright = ImageOps.exif_transpose(image).convert("RGB")
        out = io.BytesIO()
        upright.save(out, "JPEG", quality=quality)
        return out.getvalue()


@dataclass
class Label:
    """`attributes`: dicts as the API has them, with ids."""

    id: int
    name: str
    type: str = "any"
    attributes: list[dict[str, Any]] = field(default_factory=list)
    sublabels: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Job:
    """Frames `start` to `stop` of its task, both included."""

    id: int
    start: int
    stop: int
    stage: str = "annotation"
    state: str = "new"
    type: str = "annotation"
    consensus_replicas: int = 0


@dataclass
class Project:
    id: int
    name: str
    labels: list[Label] = field(default_factory=list)
    owner: int = OWNER


@dataclass
class Task:
    id: int
    name: str
    project: Project | None = None
    own_labels: list[Label] = field(default_factory=list)
    frames: list[Frame] | None = None  # None while the task has no data
    jobs: list[Job] = field(default_factory=list)
    chunk_size: int = 36
    image_quality: int = 70
    deleted_frames: set[int] = field(default_factory=set)
    dimension: str = "2d"
    mode: str = "annotation"
    status: str = "annotation"
    start_frame: int = 0
    owner: int = OWNER
    segment_size: int = 0
    overlap: int = 0
    revision: int = 0
    shapes: dict[int, dict[str, Any]] = field(default_factory=dict)
    tags: dict[int, dict[str, Any]] = field(default_factory=dict)
    tracks: dict[int, dict[str, Any]] = field(default_factory=dict)
    in_job: dict[int, int] = field(default_factory=dict)  # object → the job that holds it

    @property
    def labels(self) -> list[Label]:
        return self.project.labels if self.project else self.own_labels

    @property
    def size(self) -> int:
        return len(self.frames or ())

    def frame_bytes(self, number: int, quality: str) -> bytes:
        """What type=frame answers."""
        if self.frames is None or not 0 <= number < self.size:
            raise Refused(404, "The frame number doesn't correspond to any job or frame")
        frame = self.frames[number]
        return frame.data if quality == "original" else frame.compressed(self.image_quality)

    def chunk_bytes(self, number: int, quality: str) -> bytes:
        """What type=chunk answers: a ZIP in order of frames, deleted ones included."""
        first = number * self.chunk_size
        if self.frames is None or number < 0 or first >= self.size:
            raise Refused(404, {"detail": "Chunk not found"})
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
            for index, frame in enumerate(self.frames[first : first + self.chunk_size]):
                suffix = frame.name.rpartition(".")[2] if quality == "original" else "jpeg"
                archive.writestr(f"{index:06d}.{suffix}", self.frame_bytes(first + index, quality))
        return out.getvalue()

    def split_into_jobs(self, ids: Iterator[int]) -> None:
        """One job a segment; the last one is shorter."""
        step = self.segment_size or max(self.size, 1)
        starts = range(0, max(self.size, 1), max(step - self.overlap, 1))
        self.jobs = [
            Job(next(ids), start, min(start + step, self.size) - 1)
            for start in starts
            if start == 0 or start + self.overlap < self.size
        ]


POINTS = {
    "rectangle": lambda n: n == 4,
    "polygon": lambda n: n >= 6 and n % 2 == 0,
    "polyline": lambda n: n >= 4 and n % 2 == 0,
    "points": lambda n: n >= 2 and n % 2 == 0,
    "ellipse": lambda n: n == 4,
    "cuboid": lambda n: n == 16,
    "mask": lambda n: n >= 6,
    "skeleton": lambda n: n == 0,
}
SOURCES = {"auto", "semi-auto", "manual", "file", "consensus"}
SHAPE_DEFAULTS: dict[str, Any] = {
    "occluded": False, "outside": False, "z_order": 0, "rotation": 0.0, "group": 0, "source": "manual", "score": 1.0,
    "attributes": [], "elements": [],
}  # fmt: skip


class State:
    """Everything on the server. Tests may change it while requests are served: hold `lock` for more than one step."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.projects: dict[int, Project] = {}
        self.tasks: dict[int, Task] = {}
        self._last_id = 100

    def new_id(self) -> int:
        with self.lock:
            self._last_id += 1
            return self._last_id

    def ids(self) -> Iterator[int]:
        while True:
            yield self.new_id()

    # What a test sets up.

    def add_project(self, name: str, labels: Sequence[str | Mapping[str, Any]], owner: int = OWNER) -> Project:
        project = Project(self.new_id(), name, self.make_labels(labels), owner)
        self.projects[project.id] = project
        return project

    def add_task(
        self,
        name: str,
        *,
        labels: Sequence[str | Mapping[str, Any]] = (),
        frames: Sequence[bytes | Frame] | None = None,
        project: Project | None = None,
        **options: Any,
    ) -> Task:
        """A task with its data. `labels`: names, or dicts as the API takes them. `frames`: encoded pictures."""
        task = Task(self.new_id(), name, project, self.make_labels(labels), **options)
        if frames is not None:
            self.attach(task, [f if isinstance(f, Frame) else Frame(f"{i:06d}.jpg", f) for i, f in enumerate(frames)])
        with self.lock:
            self.tasks[task.id] = task
        return task

    def attach(self, task: Task, frames: list[Frame]) -> None:
        task.frames = frames
        task.split_into_jobs(self.ids())

    def make_labels(self, labels: Sequence[str | Mapping[str, Any]]) -> list[Label]:
        made = []
        for label in labels:
            spec = {"name": label} if isinstance(label, str) else dict(label)
            attributes = [
                {"default_value": "", "values": [], "input_type": "text", "mutable": False, **a, "id": self.new_id()}
                for a in spec.get("attributes", ())
            ]
            made.append(
                Label(self.new_id(), spec["name"], spec.get("type", "any"), attributes, list(spec.get("sublabels", ())))
            )
        return made

    def draw(self, task: Task, frame: int, label: str, points: Sequence[float], **options: Any) -> dict[str, Any]:
        """What a person does in the browser: one rectangle (or another `type`), source manual."""
        label_id = next(item.id for item in task.labels if item.name == label)
        shape = {"type": "rectangle", "frame": frame, "label_id": label_id, "points": list(points), **options}
        return self.create(task, {"shapes": [shape]})["shapes"][0]

    # What CVAT does with annotations.

    def create(self, task: Task, data: Mapping[str, Any], only: Job | None = None) -> dict[str, Any]:
        """Everything or nothing is created; what lies on no frame of the task, or of that one job, is silently dropped.

        Each job that a frame lies in gets its own copy; the answer, like `annotations`, shows similar ones once.
        """
        for shape in data.get("shapes", ()):
            self._check(task, shape)
        with self.lock:
            task.revision += 1
            created: dict[str, Any] = {"version": 0, "tags": [], "shapes": [], "tracks": []}
            for kind in ("shapes", "tags", "tracks"):
                for item, job in product(data.get(kind, ()), [only] if only else task.jobs):
                    if job.type == "annotation" and job.start <= item["frame"] <= job.stop:
                        full = {**(SHAPE_DEFAULTS if kind == "shapes" else {}), **_known(item), "id": self.new_id()}
                        getattr(task, kind)[full["id"]] = full
                        task.in_job[full["id"]] = job.id
                        created[kind].append(full)
            return {**created, "shapes": _merged(task, created["shapes"])}

    def update(self, task: Task, data: Mapping[str, Any]) -> dict[str, Any]:
        """Replaces objects by id; the id is kept."""
        for shape in data.get("shapes", ()):
            self._check(task, shape)
            if shape.get("id") not in task.shapes:
                raise Refused(400, [f"Shape with id {shape.get('id')} does not exist"])
        with self.lock:
            task.revision += 1
            for shape in data.get("shapes", ()):
                task.shapes[shape["id"]] = {**SHAPE_DEFAULTS, **_known(shape)}
        return {"version": 0, "tags": [], "tracks": [], "shapes": [task.shapes[s["id"]] for s in data["shapes"]]}

    def delete(self, task: Task, data: Mapping[str, Any]) -> dict[str, Any]:
        """By id; ids that are gone are passed over."""
        with self.lock:
            task.revision += 1
            for kind in ("shapes", "tags", "tracks"):
                for item in data.get(kind, ()):
                    getattr(task, kind).pop(item.get("id"), None)
        return {"version": 0, "tags": [], "shapes": [], "tracks": [], **data}

    def replace(self, task: Task, data: Mapping[str, Any], only: Job | None = None) -> dict[str, Any]:
        """PUT: everybody's work in the task, or in that one job, goes. What is put instead gets new ids."""
        with self.lock:
            for objects in (task.shapes, task.tags, task.tracks):
                for number in [n for n in objects if only is None or task.in_job[n] == only.id]:
                    del objects[number]
            return self.create(task, data, only)

    def annotations(self, task: Task) -> dict[str, Any]:
        with self.lock:
            shapes = _merged(task, sorted(task.shapes.values(), key=lambda s: (s["frame"], s["id"])))
            return {"version": 0, "tags": [*task.tags.values()], "shapes": shapes, "tracks": [*task.tracks.values()]}

    @staticmethod
    def _check(task: Task, shape: Mapping[str, Any]) -> None:
        """What the real server checks. Label type, picture bounds and unknown keys are not among it."""
        labels = {label.id: label for label in task.labels}
        if shape["frame"] < 0:
            raise Refused(400, {"shapes": [{"frame": ["Ensure this value is greater than or equal to 0."]}]})
        if not 0 <= shape.get("score", 1.0) <= 1:
            raise Refused(400, {"shapes": [{"score": ["Ensure this value is less than or equal to 1."]}]})
        if shape.get("source", "manual") not in SOURCES:
            raise Refused(400, {"shapes": [{"source": [f'"{shape["source"]}" is not a valid choice.']}]})
        if shape["label_id"] not in labels:
            raise Refused(400, f"label_id `{shape['label_id']}` is invalid")
        if not POINTS[shape["type"]](len(shape.get("points", ()))):
            raise Refused(400, [f"Unexpected points count for a {shape['type']}: {len(shape.get('points', ()))}"])
        known = {attribute["id"] for attribute in labels[shape["label_id"]].attributes}
        for attribute in shape.get("attributes", ()):
            if attribute["spec_id"] not in known:
                raise Refused(400, f"spec_id `{attribute['spec_id']}` is invalid")


def _merged(task: Task, shapes: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """What a task shows of overlapping jobs: of similar shapes in two of them, that of the first."""
    shown: list[dict[str, Any]] = []
    hiding: set[tuple[int, int]] = set()
    for shape in shapes if task.overlap else ():
        job = task.in_job[shape["id"]]
        like = (s for s in shown if task.in_job[s["id"]] != job and (s["id"], job) not in hiding and _similar(s, shape))
        if twin := next(like, None):
            hiding.add((twin["id"], job))
        else:
            shown.append(shape)
    return shown if task.overlap else list(shapes)


def _similar(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Same frame, label and type; rectangles overlap by three quarters, others are equal."""
    if any(one[key] != other[key] for key in ("frame", "label_id", "type")):
        return False
    if one["type"] != "rectangle" or one["points"] == other["points"]:
        return bool(one["points"] == other["points"])
    (a, b, c, d), (e, f, g, h) = one["points"], other["points"]
    both = max(0.0, min(c, g) - max(a, e)) * max(0.0, min(d, h) - max(b, f))
    return both >= 0.75 * ((c - a) * (d - b) + (g - e) * (h - f) - both)


def _known(item: Mapping[str, Any]) -> dict[str, Any]:
    """Unknown keys are neither refused nor kept."""
    keys = {*SHAPE_DEFAULTS, "type", "frame", "label_id", "points", "shapes", "id"}
    return {key: value for key, value in item.items() if key in keys}

"""The labels of a CVAT task."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from firstpass.cvat.server.client import Cvat
from firstpass.cvat.server.tasks import Task
from firstpass.errors import FirstpassError


@dataclass(frozen=True, slots=True)
class Label:
    """One label of a CVAT task. `attributes`: (spec id, default value) of each, in CVAT's order."""

    id: int
    name: str
    type: str
    attributes: tuple[tuple[int, str], ...] = ()

    @classmethod
    def from_api(cls, raw: Mapping[str, Any]) -> Self:
        """From a row of GET /api/labels. An attribute without a default takes its first value."""
        attributes = tuple(
            (a["id"], a.get("default_value") or next(iter(a.get("values") or ()), "")) for a in raw["attributes"]
        )
        return cls(raw["id"], raw["name"], raw.get("type") or "any", attributes)


def read_labels(server: Cvat, task: Task) -> list[Label]:
    """The task's labels. Raises FirstpassError when there are none."""
    labels = [Label.from_api(raw) for raw in server.pages("/api/labels", task_id=task.id) if not raw.get("parent_id")]
    if not labels:
        raise FirstpassError(f"task {task.id} ({task.name}) has no labels", "add the labels that it is about in CVAT")
    return labels


def attribute_defaults(labels: Iterable[Label]) -> dict[int, str]:
    """Attribute id → default value, over all labels of a task."""
    return {spec: value for label in labels for spec, value in label.attributes}

"""A model version, written once as model.json and never changed."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from firstpass.contracts.class_table import ClassTable


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a version; `path` is relative to the version's folder, `size` in bytes."""

    path: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """One immutable version of a model, as model.json holds it.

    kind: the name of its DetectorKind. version: a content hash, 12 hexadecimal digits of the sha256 over weights,
    classes and model.yaml, so the same bytes are the same version wherever they come from. admitted: whether a night
    may use it; reasons: the sentences of the refusal, empty when admitted. options: model.yaml's settings, checked.
    threshold: the default score from which a detection of this model is a draft, 0..1. floor: the score from which
    detections are stored, where model.yaml says so; see `firstpass.models.floors`.
    """

    name: str
    version: str
    kind: str
    files: tuple[ModelFile, ...]
    classes: ClassTable
    source: str
    decided_at: str
    admitted: bool
    threshold: float
    reasons: tuple[str, ...] = ()
    options: dict[str, Any] | None = None
    floor: float | None = None

    @property
    def ref(self) -> str:
        """`name@version`: how a run's settings, a log line and a report name it."""
        return f"{self.name}@{self.version}"

    def to_json(self) -> str:
        """The text of model.json."""
        return json.dumps(asdict(self) | {"classes": self.classes.to_json()}, indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> ModelVersion:
        """The reverse of `to_json`. Raises KeyError, TypeError or ValueError for other text."""
        raw = json.loads(text)
        return cls(
            **raw
            | {
                "files": tuple(ModelFile(**f) for f in raw["files"]),
                "classes": ClassTable.from_json(raw["classes"]),
                "reasons": tuple(raw["reasons"]),
            }
        )

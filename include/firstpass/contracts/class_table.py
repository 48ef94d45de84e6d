"""The class table: which name belongs to each class id that a network emits."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ModelClass:
    """One row: `id` is what the network emits (1-based, 0 is background and never listed)."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class ClassTable:
    """The classes of a model version, in ascending order of id.

    Ids are what the network emits, not what a file happens to say: see `firstpass.models.classes_csv`, which reads both
    dialects of classes.csv into this.
    """

    classes: tuple[ModelClass, ...]

    def __len__(self) -> int:
        return len(self.classes)

    @property
    def names(self) -> dict[int, str]:
        """Class id → name."""
        return {c.id: c.name for c in self.classes}

    @property
    def ids(self) -> dict[str, int]:
        """Class name → id."""
        return {c.name: c.id for c in self.classes}

    def to_json(self) -> list[dict[str, Any]]:
        """The form it has in model.json and in the warehouse."""
        return [{"id": c.id, "name": c.name} for c in self.classes]

    @classmethod
    def from_json(cls, rows: list[dict[str, Any]]) -> ClassTable:
        """The reverse of `to_json`; does not check anything, admission does."""
        return cls(tuple(ModelClass(int(r["id"]), str(r["name"])) for r in rows))


def normalise(name: str) -> str:
    """The form in which two names are one: NFKC, case folded, without spaces, underscores and hyphens.

    The one rule for names that only look different, at admission and when classes are mapped to labels. Turkish ı is i:
    both are I in capitals.
    """
    folded = _nfkc(_nfkc(_nfkc(name).upper()).casefold())
    return _nfkc(re.sub(r"[\s_\-‐-―]+", "", folded))


def _nfkc(name: str) -> str:
    return unicodedata.normalize("NFKC", name)

"""Thresholds: which detections become drafts. They cost nothing to change; the floor decides what is stored."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Thresholds:
    """`default` for every class, 0..1; `by_class` (class id → score) where a class has its own."""

    default: float
    by_class: Mapping[int, float] = field(default_factory=dict)

    @property
    def lowest(self) -> float:
        """The lowest of them all: what a prediction's floor must reach down to, so that no draft is missing."""
        return min([self.default, *self.by_class.values()])

    def reached(
        self, class_ids: Sequence[int] | NDArray[np.int32], scores: Sequence[float] | NDArray[np.float32]
    ) -> NDArray[np.bool_]:
        """Which of these detections become drafts, bool [n]. A score that is not a number does not.

        Compared in float32, in which scores are kept: 0.7 asked for is 0.7 found.
        """
        wanted = np.full(len(scores), self.default, np.float32)
        ids = np.asarray(class_ids)
        for class_id, own in self.by_class.items():
            wanted[ids == class_id] = own
        reached: NDArray[np.bool_] = np.asarray(scores, np.float32) >= wanted
        return reached

    def digest(self, revision: int) -> str:
        """What tells sets of drafts of one model version apart: these thresholds and the kind's revision, hashed."""
        settings: list[object] = [self.default, {str(k): v for k, v in sorted(self.by_class.items())}]
        if revision > 1:  # the ledgers of release 0.1.0 know nothing of revisions
            settings.append(revision)
        return sha256(json.dumps(settings).encode()).hexdigest()[:12]

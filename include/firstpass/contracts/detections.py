"""What a network found in one image."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Ring = NDArray[np.float32]
"""A closed line, [k, 2] as x, y in pixels, k ≥ 3, whose first point is not repeated at the end."""

Part = tuple[Ring, ...]
"""A connected part of an object: its outer ring, then the rings of the holes in it."""


@dataclass(frozen=True, slots=True)
class Detections:
    """The detections of one image, in descending order of score.

    class_ids: int32 [n], ids of the model's class table.
    scores: float32 [n], 0..1.
    boxes: float32 [n, 4] as x1, y1, x2, y2 in pixels of the image as it is stored (no EXIF orientation), clipped to it.
    polygons: the parts of each detection's mask, the largest first; None for a network without masks.
    names: the classes' names; empty where nobody asked for them: a network knows ids only.
    error: why the image has no detections, one sentence, where it could not be read; else None.
    """

    class_ids: NDArray[np.int32]
    scores: NDArray[np.float32]
    boxes: NDArray[np.float32]
    polygons: tuple[tuple[Part, ...], ...] | None = None
    names: tuple[str, ...] = ()
    error: str | None = None

    def __len__(self) -> int:
        return len(self.scores)

    @classmethod
    def none(cls, error: str | None = None) -> Detections:
        """No detections, and why if there is a reason."""
        return cls(np.empty(0, np.int32), np.empty(0, np.float32), np.empty((0, 4), np.float32), error=error)

    def keep(self, mask: NDArray[np.bool_]) -> Detections:
        """Those where `mask` (bool [n]) is true, order kept."""
        kept = np.flatnonzero(mask)
        return replace(
            self,
            class_ids=self.class_ids[mask],
            scores=self.scores[mask],
            boxes=self.boxes[mask],
            polygons=None if self.polygons is None else tuple(self.polygons[i] for i in kept),
            names=tuple(self.names[i] for i in kept) if self.names else (),
        )

    def at_least(self, score: float) -> Detections:
        """Those that reach a score. One whose score or box is not a number is dropped with the rest.

        Compared in float32, in which scores are kept: 0.7 asked for is 0.7 found.
        """
        finite = np.isfinite(self.scores) & np.isfinite(self.boxes).all(axis=1)
        return self.keep(finite & (self.scores >= np.float32(score)))

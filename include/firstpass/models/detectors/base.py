"""What a detector is: the Protocol behind which each artifact kind has one module."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Polygon = NDArray[np.float32]
"""One outer contour, [k, 2] as x, y in pixels, k ≥ 3, not closed by a repeated point."""


@dataclass(frozen=True, slots=True)
class Detections:
    """What a network found in one image, in descending order of score.

    class_ids: int32 [n], ids of the model's class table.
    scores: float32 [n], 0..1.
    boxes: float32 [n, 4] as x1, y1, x2, y2 in pixels of the original image, clipped to it.
    polygons: one tuple of outer contours a detection, or None for a network without masks.
    """

    class_ids: NDArray[np.int32]
    scores: NDArray[np.float32]
    boxes: NDArray[np.float32]
    polygons: tuple[tuple[Polygon, ...], ...] | None = None

    def __len__(self) -> int:
        return len(self.scores)

    def keep(self, mask: NDArray[np.bool_]) -> Detections:
        """Those where `mask` (bool [n]) is true, order kept."""
        polygons = None if self.polygons is None else tuple(p for p, k in zip(self.polygons, mask, strict=True) if k)
        return Detections(self.class_ids[mask], self.scores[mask], self.boxes[mask], polygons)


@dataclass(frozen=True, slots=True)
class Prepared:
    """One image as the network takes it, and what is needed to map its detections back.

    pixels: the network's input for this image, without the batch axis.
    width, height: of the original image, in pixels.
    context: the detector's own notes for the way back (a letterbox's window, say).
    """

    pixels: NDArray[Any]
    width: int
    height: int
    context: Any = None


@dataclass(frozen=True, slots=True)
class Inspection:
    """What an artifact says about itself, read from its file without running it.

    class_count: classes that the network emits, background left out; None where the shapes do not tell.
    has_masks: whether it gives masks, and so polygons.
    """

    class_count: int | None
    has_masks: bool


class UnfitImage(Exception):
    """The network cannot take this image, of this shape; the message is one sentence. It never stops a run."""


class Detector(Protocol):
    """One loaded network. Made by `firstpass.models.detectors.load(version, folder)`.

    A detector does not read files, does not apply thresholds above the artifact's own floor and keeps no state between
    images; the same image gives the same detections alone and in a batch.

    streams: batches that it takes to keep its device busy; so many may be predicted at once.
    """

    streams: int

    def prepare(self, image: NDArray[np.uint8]) -> Prepared:
        """RGB uint8 [height, width, 3] → the network's input. Called from decoding threads, many at once.

        Raises UnfitImage for a shape that the network does not take (one pixel by thousands, say).
        """

    def predict(self, batch: Sequence[Prepared]) -> list[Detections]:
        """One Detections an image, in order. All `pixels` in a batch have one shape. Called from `streams` threads.

        Raises UnfitImage as `prepare` does, where only the network itself can tell.
        """

    def warm_up(self, batch_size: int) -> None:
        """Run once on blank input, so that the first real batch is not the slow one."""

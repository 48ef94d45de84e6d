"""What a detector is: one loaded network, behind the Protocol that every kind of model implements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from firstpass.contracts.detections import Detections


@dataclass(frozen=True, slots=True)
class PreparedInput:
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
class WeightsInspection:
    """What weights say about themselves, read from their files without running them.

    class_count: classes that the network emits, background left out; None where the shapes do not tell.
    has_masks: whether it gives masks, and so polygons.
    """

    class_count: int | None
    has_masks: bool


class UnfitImage(Exception):
    """The network cannot take this image, of this shape; the message is one sentence. It never stops a run."""


class Detector(Protocol):
    """One loaded network, as a kind's `load` returns it. Implement `prepare` and `predict`, and inherit the rest.

    A detector does not read files, leaves out nothing that reaches the floor it was loaded with, and keeps no state
    between images; the same image gives the same detections alone and in a batch.

    streams: batches that it takes to keep its device busy; so many may be predicted at once. floor: it gives nothing
    that scores less.
    """

    streams: int = 1
    floor: float = 0.0

    def prepare(self, image: NDArray[np.uint8]) -> PreparedInput:
        """RGB uint8 [height, width, 3] → the network's input. Called from decoding threads, many at once.

        Raises UnfitImage for a shape that the network does not take (one pixel by thousands, say).
        """
        ...

    def predict(self, batch: Sequence[PreparedInput]) -> list[Detections]:
        """One Detections per image, in order. All `pixels` in a batch have one shape. Called from `streams` threads.

        Raises UnfitImage as `prepare` does, where only the network itself can tell.
        """
        ...

    def warm_up(self, batch_size: int) -> None:
        """Run once on blank input, so that the first real batch is not the slow one. Does nothing by default."""
        del batch_size

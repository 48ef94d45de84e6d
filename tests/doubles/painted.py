"""A detector without a network: it finds what was painted."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from firstpass.contracts.detections import Detections
from firstpass.contracts.detector import PreparedInput
from firstpass.inference import passes
from fixtures.made_up_runs import VERSION


class Painted:
    """A detector that finds what was painted: red value r gives one detection of class 1 with score r / 255.

    It keeps to no floor: whoever asked for one has to. A green image makes it fail like a network out of memory; a blue
    one gives a score that is not a number.
    """

    streams = 1
    floor = 0.0

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds  # that a batch takes
        self.batches: list[list[tuple[int, ...]]] = []
        self.warmed = 0
        self.broken = False

    def prepare(self, image):
        return PreparedInput(image, image.shape[1], image.shape[0])

    def predict(self, batch: Sequence[PreparedInput]) -> list[Detections]:
        time.sleep(self.seconds)
        self.batches.append([item.pixels.shape for item in batch])
        red, green, blue = (np.array([item.pixels[0, 0, c] for item in batch]) for c in range(3))
        if green.any() or self.broken:
            raise RuntimeError("OOM when allocating tensor\nwith a long trace below")
        scores = np.where(blue > 0, np.nan, red / 255)
        box = np.array([[0, 0, 1, 1]], np.float32)
        return [Detections(np.array([1], np.int32), np.array([s], np.float32), box) for s in scores]

    def warm_up(self, batch_size: int) -> None:
        self.warmed = batch_size
        if self.broken:
            raise RuntimeError("the device is gone")


def install(detector: Painted, put=setattr) -> None:
    """Make every model this one; `put` may be monkeypatch.setattr."""
    put(passes, "load_detector", lambda uri, floor: (VERSION, detector))

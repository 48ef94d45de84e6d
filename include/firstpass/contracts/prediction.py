"""What the warehouse has for one image: the prediction of one model version under one run's settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Prediction:
    """Parallel sequences in descending order of score.

    uri: the image's. task, frame: CVAT's, None elsewhere. width, height: pixels of the picture that was inferred, to
    which boxes (float64 [n, 4] as x1, y1, x2, y2) and polygons belong. class_ids: of the model's class table.
    scores: 0..1. polygons: [detection][part][x, y, x, y, …], None for a network without masks.
    """

    uri: str
    task: int | None
    frame: int | None
    width: int
    height: int
    class_ids: Sequence[int]
    scores: Sequence[float]
    boxes: NDArray[np.float64]
    polygons: Sequence[Sequence[Sequence[float]]] | None

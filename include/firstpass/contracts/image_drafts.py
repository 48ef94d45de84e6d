"""The drafts of one image: what of its prediction is shown to people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FlatParts = Sequence[Sequence[Sequence[float]]]
"""[part][ring] of one detection, the outer ring first, then its holes; each flat as x, y, x, y, …"""


@dataclass(frozen=True, slots=True)
class ImageDrafts:
    """The detections of one prediction that reach a run's thresholds: parallel sequences, in descending order of score.

    uri: the image's. task, frame: CVAT's, None elsewhere. width, height: pixels of the picture that was inferred, to
    which boxes (float64 [n, 4] as x1, y1, x2, y2) and polygons belong. orientation: EXIF's, 1 to 8; None where nobody
    looked. revision: of the model's kind when the image was inferred. numbers: of the detections within the stored
    prediction, from 1. class_ids: of the model's class table. scores: 0..1. polygons: of each draft, None for a network
    without masks.
    """

    uri: str
    task: int | None
    frame: int | None
    width: int
    height: int
    orientation: int | None
    revision: int
    numbers: Sequence[int]
    class_ids: Sequence[int]
    scores: Sequence[float]
    boxes: NDArray[np.float64]
    polygons: Sequence[FlatParts] | None

    def __len__(self) -> int:
        return len(self.scores)

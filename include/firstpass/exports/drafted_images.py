"""From stored drafts to what an export format is given: named, scaled, turned, and with the labels of the data set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from firstpass.contracts.export_format import Draft, DraftedImage, ExportFormat
from firstpass.contracts.image_drafts import FlatParts, ImageDrafts
from firstpass.geometry.orientation import upright_boxes, upright_ring, upright_size


@dataclass(frozen=True, slots=True)
class LabelChoice:
    """What the drafts of one class become: the label's id in the data set, the shape that it takes (see `Draft`), and
    the score below which they are left out. Without an id, `reason` says why there is no label."""

    name: str
    id: int | None
    shape: str = ""
    threshold: float = 0.0
    reason: str = ""


@dataclass(slots=True)
class ExportTally:
    """What became of images and drafts: dropped by reason; filled, by class: drafts whose holes a polygon covers."""

    images: int = 0
    annotations: int = 0
    orientation_unknown: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    filled: Counter[str] = field(default_factory=Counter)

    def clear(self) -> None:
        """Begin again: the images are read once more."""
        self.images = self.annotations = self.orientation_unknown = 0
        self.dropped.clear()
        self.filled.clear()


def drafted_image(
    drafts: ImageDrafts,
    name: str,
    size: tuple[int, int] | None,
    labels: Mapping[int, LabelChoice],
    wanted: ExportFormat,
    tally: ExportTally,
) -> DraftedImage:
    """One image of a data set.

    size: width and height in which coordinates are wanted, where that is not the inferred picture's. wanted: the
    format; for one of upright pictures coordinates are turned by the EXIF orientation, and an image whose orientation
    nobody read stays as it is and is counted; for one without holes drafts lose theirs and are counted. Drafts of
    classes without a label, below the label's threshold, or without finite numbers are left out and counted in `tally`.
    """
    upright = bool(getattr(wanted, "upright", False))
    turned = _Turned.of(drafts, size, upright)
    holes = bool(getattr(wanted, "holes", True))
    tally.images += 1
    tally.orientation_unknown += upright and drafts.orientation is None
    found = [
        draft
        for index, class_id in enumerate(drafts.class_ids)
        if (draft := _draft(drafts, index, labels.get(class_id), turned, holes, tally)) is not None
    ]
    tally.annotations += len(found)
    return DraftedImage(name, drafts.uri, turned.width, turned.height, found)


@dataclass(frozen=True, slots=True)
class _Turned:
    """How coordinates of the inferred picture become the data set's. boxes: the drafts', done."""

    width: int
    height: int
    boxes: list[list[float]]
    ring: Any

    @classmethod
    def of(cls, drafts: ImageDrafts, size: tuple[int, int] | None, upright: bool) -> _Turned:
        stored, boxes = (drafts.width, drafts.height), drafts.boxes
        orientation = drafts.orientation or 1
        if upright and orientation > 1:
            boxes = np.round(upright_boxes(boxes, *stored, orientation), 3)
            return cls(
                *upright_size(*stored, orientation), boxes.tolist(), lambda r: upright_ring(r, *stored, orientation)
            )
        if size is None or size == stored:
            return cls(*stored, boxes.tolist(), lambda r: r)
        scale = np.array(size) / stored
        boxes = np.round(boxes * np.tile(scale, 2), 2)
        return cls(*size, boxes.tolist(), lambda r: np.minimum(r * scale, size))

    def polygons(self, parts: FlatParts) -> list[list[list[float]]]:
        """The parts with an outer ring of three points, rounded to a hundredth of a pixel."""
        rings = [[self._rounded(ring) for ring in part if len(ring) >= 6 and None not in ring] for part in parts]
        return [part for part in rings if part]

    def _rounded(self, ring: Any) -> list[float]:
        points: NDArray[np.float64] = self.ring(np.array(ring, np.float64).reshape(-1, 2))
        rounded: list[float] = np.round(points, 2).ravel().tolist()
        return rounded


def _draft(
    drafts: ImageDrafts, index: int, label: LabelChoice | None, turned: _Turned, holes: bool, tally: ExportTally
) -> Draft | None:
    if label is None or label.id is None:
        reason = f"{label.name}: {label.reason}" if label else f"{drafts.class_ids[index]}: no such class"
        tally.dropped[reason] += 1
        return None
    score, box = drafts.scores[index], turned.boxes[index]
    if not (isfinite(score) and all(map(isfinite, box))):
        tally.dropped[f"{label.name}: not a finite number"] += 1
        return None
    if score < label.threshold:
        tally.dropped[f"{label.name}: below {label.threshold:g}"] += 1
        return None
    polygons = turned.polygons(drafts.polygons[index]) if drafts.polygons is not None else []
    if label.shape == "rectangle":
        polygons = []
    elif (label.shape == "polygon" or not holes) and any(len(part) > 1 for part in polygons):
        tally.filled[label.name] += 1
        polygons = [part[:1] for part in polygons]
    if label.shape in ("polygon", "mask") and not polygons:
        tally.dropped[f"{label.name}: no outline"] += 1
        return None
    x1, y1, x2, y2 = box
    return Draft(label.id, score, (x1, y1, x2, y2), polygons, label.shape)

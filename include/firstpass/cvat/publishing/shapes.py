"""From drafts to CVAT shapes: scaled, clipped, of the type that the label asks for. Pure functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from firstpass.contracts.image_drafts import FlatParts, ImageDrafts
from firstpass.cvat.labels.mapping import Decision
from firstpass.geometry import masks

ShapeJson = dict[str, Any]
Rings = list[NDArray[np.float64]]
"""The outer ring of one part and its holes, [k, 2] each, in CVAT's pixels."""


class Tally(Protocol):
    """Where drafts are counted that do not become what they are: see `Publication`."""

    dropped: Counter[str]
    filled: Counter[str]


def make_shapes(
    drafts: ImageDrafts,
    decisions: Mapping[int, Decision],
    size: tuple[int, int],
    first_group: int,
    tally: Tally,
) -> list[tuple[int, ShapeJson]]:
    """(Number of the detection, shape) pairs, ready to be sent. size: the frame's width and height in CVAT.

    A draft in several parts becomes several polygons that share a group, numbered from `first_group` up, or one mask. A
    polygon has no holes: drafts whose holes it fills are counted in `tally.filled` by class. Drafts of classes without
    a label, below their class's threshold in the labels file, or without an area inside the picture are left out and
    counted in `tally.dropped` by reason. Scores are kept to four digits, points to a hundredth of a pixel.
    """
    shapes: list[tuple[int, ShapeJson]] = []
    group = first_group
    scale = np.array([size[0] / drafts.width, size[1] / drafts.height])
    boxes = _fitted(drafts.boxes.reshape(-1, 2), scale, size).reshape(-1, 4).tolist()
    templates: dict[int, ShapeJson] = {}
    for index, (class_id, score) in enumerate(zip(drafts.class_ids, drafts.scores, strict=True)):
        decision = decisions.get(class_id)
        if decision is None or decision.label is None:
            tally.dropped[
                f"{decision.class_name}: {decision.reason}" if decision else f"{class_id}: no such class"
            ] += 1
            continue
        if not score >= decision.threshold:  # nor is NaN
            tally.dropped[f"{decision.class_name}: below {decision.threshold:g}"] += 1
            continue
        parts = drafts.polygons[index] if drafts.polygons is not None else ()
        points = _points(decision.shape, boxes[index], parts, scale, size)
        if not points:
            tally.dropped[f"{decision.class_name}: no area"] += 1
        elif decision.shape == "polygon" and any(len(part) > 1 for part in parts):
            tally.filled[decision.class_name] += 1
        if class_id not in templates:
            templates[class_id] = {
                "type": decision.shape,
                "frame": drafts.frame,
                "label_id": decision.label.id,
                "source": "auto",
                "attributes": [{"spec_id": spec, "value": value} for spec, value in decision.label.attributes],
            }
        particular: ShapeJson = {"score": min(round(score, 4), 1.0)}
        if len(points) > 1:
            particular["group"] = group
            group += 1
        number = drafts.numbers[index]
        shapes += [(number, {**templates[class_id], **particular, "points": each}) for each in points]
    return shapes


def _points(
    kind: str | None, box: list[float], parts: FlatParts, scale: NDArray[np.float64], size: tuple[int, int]
) -> list[list[float]]:
    """The points of each shape that one draft becomes; none for a mask that is wanted and was not found."""
    if kind == "rectangle":
        return [box] if box[2] > box[0] and box[3] > box[1] else []
    fitted = [[_fitted(np.asarray(ring, np.float64).reshape(-1, 2), scale, size) for ring in part] for part in parts]
    if kind == "mask":
        mask = _run_lengths(fitted, size) if fitted else []
        return [mask] if mask else []
    outer = (rings[0] for rings in fitted)
    opened = (ring[:-1] if len(ring) > 3 and (ring[0] == ring[-1]).all() else ring for ring in outer)
    return [ring.ravel().tolist() for ring in opened if len(ring) >= 3 and abs(_area(ring)) > 0]


def _fitted(points: NDArray[np.float64], scale: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.float64]:
    """Points [n, 2] in CVAT's pixels, inside the frame. Adding zero turns -0.0 into 0.0."""
    return np.asarray(np.round(np.clip(points * scale, 0, size), 2) + 0.0, np.float64)


def _area(ring: NDArray[np.float64]) -> float:
    x, y = ring.T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def _run_lengths(parts: list[Rings], size: tuple[int, int]) -> list[float]:
    """CVAT's mask: lengths of runs of 0 and 1 in turn, row by row within the box, then left, top, right, bottom."""
    found = masks.cropped(parts, size)
    if found is None:
        return []
    region, left, top = found
    height, width = region.shape
    return [float(n) for n in (*masks.row_runs(region), left, top, left + width - 1, top + height - 1)]

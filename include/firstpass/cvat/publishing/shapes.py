"""From a prediction to CVAT shapes: scaled, clipped, of the type that the label asks for. Pure functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from firstpass.contracts.prediction import Prediction
from firstpass.cvat.labels.mapping import Decision

ShapeJson = dict[str, Any]


def make_shapes(
    prediction: Prediction,
    decisions: Mapping[int, Decision],
    size: tuple[int, int],
    first_group: int,
    dropped: Counter[str],
) -> list[tuple[int, ShapeJson]]:
    """(Number of the detection, shape) pairs, ready to be sent. size: the frame's width and height in CVAT.

    A detection in several parts becomes several polygons that share a group, numbered from `first_group` up. Detections
    of classes without a label, below their class's threshold, or without an area inside the picture are left out and
    counted in `dropped` by reason. Scores are kept to four digits, points to a hundredth of a pixel.
    """
    shapes: list[tuple[int, ShapeJson]] = []
    group = first_group
    scale = np.array([size[0] / prediction.width, size[1] / prediction.height])
    boxes = _fitted(prediction.boxes.reshape(-1, 2), scale, size).reshape(-1, 4).tolist()
    templates: dict[int, ShapeJson] = {}
    for index, (class_id, score) in enumerate(zip(prediction.class_ids, prediction.scores, strict=True)):
        decision = decisions.get(class_id)
        if decision is None or decision.label is None:
            dropped[f"{decision.class_name}: {decision.reason}" if decision else f"{class_id}: no such class"] += 1
            continue
        if not score >= decision.threshold:  # nor is NaN
            dropped[f"{decision.class_name}: below {decision.threshold:g}"] += 1
            continue
        parts = prediction.polygons[index] if prediction.polygons is not None else ()
        outlines = _outlines(decision.shape, boxes[index], parts, scale, size)
        if not outlines:
            dropped[f"{decision.class_name}: no area"] += 1
        if class_id not in templates:
            templates[class_id] = {
                "type": decision.shape,
                "frame": prediction.frame,
                "label_id": decision.label.id,
                "source": "auto",
                "attributes": [{"spec_id": spec, "value": value} for spec, value in decision.label.attributes],
            }
        particular: ShapeJson = {"score": min(round(score, 4), 1.0)}
        if len(outlines) > 1:
            particular["group"] = group
            group += 1
        shapes += [(index + 1, {**templates[class_id], **particular, "points": points}) for points in outlines]
    return shapes


def _outlines(
    kind: str | None,
    box: list[float],
    parts: Sequence[Sequence[float]],
    scale: NDArray[np.float64],
    size: tuple[int, int],
) -> list[list[float]]:
    """The points of each shape that one detection becomes; none for a mask that is wanted and was not found."""
    if kind == "rectangle":
        return [box] if box[2] > box[0] and box[3] > box[1] else []
    contours = [_fitted(np.asarray(part, np.float64).reshape(-1, 2), scale, size) for part in parts]
    if kind == "mask":
        mask = _run_lengths(contours, size) if contours else []
        return [mask] if mask else []
    opened = (c[:-1] if len(c) > 3 and (c[0] == c[-1]).all() else c for c in contours)
    return [contour.ravel().tolist() for contour in opened if len(contour) >= 3 and abs(_area(contour)) > 0]


def _fitted(points: NDArray[np.float64], scale: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.float64]:
    """Points [n, 2] in CVAT's pixels, inside the frame. Adding zero turns -0.0 into 0.0."""
    return np.asarray(np.round(np.clip(points * scale, 0, size), 2) + 0.0, np.float64)


def _area(contour: NDArray[np.float64]) -> float:
    x, y = contour.T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def _run_lengths(contours: Sequence[NDArray[np.float64]], size: tuple[int, int]) -> list[float]:
    """CVAT's mask: lengths of runs of 0 and 1 in turn, row by row within the box, then left, top, right, bottom."""
    points = np.concatenate(contours)
    left, top = np.floor(points.min(0)).astype(int)
    right, bottom = np.minimum(np.ceil(points.max(0)).astype(int), np.array(size) - 1)
    if right < left or bottom < top:
        return []
    canvas = np.zeros((bottom - top + 1, right - left + 1), np.uint8)
    cv2.fillPoly(canvas, [np.round(contour - (left, top)).astype(np.int32) for contour in contours], 1)
    flat = canvas.ravel()
    if not flat.any():
        return []
    edges = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff(np.concatenate(([0], edges, [flat.size])))
    lead = [0] if flat[0] else []
    return [float(n) for n in (*lead, *runs.tolist(), int(left), int(top), int(right), int(bottom))]

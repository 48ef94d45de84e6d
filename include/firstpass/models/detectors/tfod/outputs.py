"""What the TF Object Detection API's outputs mean: arrays of a batch → one Detections per image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from firstpass.contracts.detections import Detections, Part

REQUIRED = ("detection_boxes", "detection_scores", "detection_classes", "num_detections")
MASKS = "detection_masks"
_BEYOND = 0.01  # of the image: what rounding may add


def detections(outputs: Mapping[str, NDArray[Any]], index: int, width: int, height: int) -> Detections:
    """Image `index` of a batch, its padding cut, in descending order of score, boxes in pixels and clipped.

    outputs: detection_boxes [N, M, 4] as ymin, xmin, ymax, xmax in 0..1, detection_scores and detection_classes [N, M],
    num_detections [N], and maybe detection_masks [N, M, h, w], 0..1 over each one's box.
    Rows whose score or box is not finite are dropped: such a row is no statement about the image. Equal scores keep the
    network's order.
    """
    count = int(outputs["num_detections"][index])
    scores = np.asarray(outputs["detection_scores"][index][:count], np.float32)
    fractions = np.asarray(outputs["detection_boxes"][index][:count], np.float32)
    order = np.argsort(-scores, kind="stable")
    order = order[np.isfinite(scores[order]) & np.isfinite(fractions[order]).all(axis=1)]
    boxes = _pixels(fractions[order], width, height)
    polygons = None
    if MASKS in outputs:
        masks = outputs[MASKS][index]
        polygons = tuple(_polygons(masks[i], fractions[i], width, height) for i in order)
    classes = np.rint(outputs["detection_classes"][index][:count][order]).astype(np.int32)
    return Detections(classes, scores[order], boxes, polygons)


def faults(outputs: Mapping[str, NDArray[Any]]) -> list[str]:
    """What is wrong with the answer to one image, a sentence each, before `detections` drops and clips."""
    count = int(outputs["num_detections"][0])
    scores, boxes = outputs["detection_scores"][0][:count], outputs["detection_boxes"][0][:count]
    if not (np.isfinite(scores).all() and np.isfinite(boxes).all()):
        return ["scores or boxes are not finite numbers"]
    found = []
    if count and (scores.min() < 0 or scores.max() > 1):
        found.append(f"scores reach from {scores.min():g} to {scores.max():g}, not within 0..1")
    if count and (boxes.min() < -_BEYOND or boxes.max() > 1 + _BEYOND):
        found.append(f"box corners reach from {boxes.min():g} to {boxes.max():g}, not within 0..1")
    return found


def _pixels(fractions: NDArray[np.float32], width: int, height: int) -> NDArray[np.float32]:
    scale = np.array([width, height, width, height], np.float32)
    boxes: NDArray[np.float32] = fractions[:, [1, 0, 3, 2]].clip(0, 1) * scale
    return boxes


def _polygons(mask: NDArray[Any], box: NDArray[np.float32], width: int, height: int) -> tuple[Part, ...]:
    """A box-relative mask [h, w] as parts in the image's pixels."""
    from firstpass.geometry.outlines import mask_to_polygons
    from firstpass.models.detectors.tfod.pasting import paste

    region, offset = paste(mask, box, width, height)
    return mask_to_polygons(region, offset=offset, image_size=(width, height))

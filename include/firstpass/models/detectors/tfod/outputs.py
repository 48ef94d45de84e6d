"""What the TF Object Detection API's outputs mean: arrays of a batch → one Detections per image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from firstpass.contracts.detections import Detections, Polygon

REQUIRED = ("detection_boxes", "detection_scores", "detection_classes", "num_detections")
MASKS = "detection_masks"
_BEYOND = 0.01  # of the image: what rounding may add
MASK_CUT = 0.5  # the API's own: a mask value above it belongs to the object


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
        polygons = tuple(_polygons(masks[i], box, width, height) for i, box in zip(order, boxes, strict=True))
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


def _polygons(mask: NDArray[Any], box: NDArray[np.float32], width: int, height: int) -> tuple[Polygon, ...]:
    """A box-relative mask [h, w] at the size of its box in the image, as outer contours in the image's pixels."""
    import cv2

    from firstpass.models.detectors.polygons import mask_to_polygons

    x1, y1 = np.floor(box[:2]).astype(int)
    x2, y2 = np.ceil(box[2:]).astype(int)
    if x2 <= x1 or y2 <= y1:
        return ()
    region = cv2.resize(np.asarray(mask, np.float32), (int(x2 - x1), int(y2 - y1)), interpolation=cv2.INTER_LINEAR)
    return mask_to_polygons(region > MASK_CUT, offset=(int(x1), int(y1)), image_size=(width, height))

"""The Mask R-CNN detector: images in, detections with polygons out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from firstpass.contracts.detections import Detections
from firstpass.contracts.detector import PreparedInput
from firstpass.geometry.outlines import mask_to_polygons
from firstpass.models.detectors.mask_rcnn.anchors import anchors, in_pixels, normalised
from firstpass.models.detectors.mask_rcnn.config import STRIDES, Config
from firstpass.models.detectors.mask_rcnn.images import enlarged, mold
from firstpass.models.detectors.mask_rcnn.network import MaskRcnnNetwork


@dataclass(frozen=True, slots=True)
class Instances:
    """What the network found in one image, as the training library gives it, in descending order of score.

    rois: int32 [n, 4] as y1, x1, y2, x2 in pixels of the original image, ends not included, never empty.
    class_ids: int32 [n]. scores: float32 [n].
    masks: n arrays, bool [y2 - y1, x2 - x1], each within its box.
    """

    rois: NDArray[np.int32]
    class_ids: NDArray[np.int32]
    scores: NDArray[np.float32]
    masks: tuple[NDArray[np.bool_], ...]


class MaskRcnnDetector:
    """A loaded Mask R-CNN, see `Detector`. What goes into one batch must have been molded to one shape."""

    streams = 1

    def __init__(self, network: MaskRcnnNetwork, config: Config) -> None:
        self.network, self._config = network, config
        self.floor = config.detection_min_confidence
        self._anchors = lru_cache(maxsize=8)(
            lambda height, width: anchors(height, width, config.rpn_anchor_scales, config.rpn_anchor_ratios)
        )

    def prepare(self, image: NDArray[np.uint8]) -> PreparedInput:
        """See `Detector.prepare`. Raises FirstpassError for a size that the network cannot take, with no resizing."""
        pixels, window = mold(image, self._config)
        return PreparedInput(pixels, width=image.shape[1], height=image.shape[0], context=window)

    def predict(self, batch: Sequence[PreparedInput]) -> list[Detections]:
        """See `Detector.predict`. Boxes are whole pixels; polygons follow each mask within its box."""
        return [_to_detections(found, image) for found, image in zip(self.instances(batch), batch, strict=True)]

    def instances(self, batch: Sequence[PreparedInput]) -> list[Instances]:
        """As `predict`, with boxes and masks in place of polygons: for comparing with the training library."""
        found, masks = (part.numpy() for part in self.network.run(*self.inputs(batch)))
        ends = np.cumsum(np.count_nonzero(found[:, :, 4], axis=1))
        return [
            _to_image(rows, own, image)
            for rows, own, image in zip(found, np.split(masks, ends[:-1]), batch, strict=True)
        ]

    def inputs(
        self, batch: Sequence[PreparedInput]
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]:
        """What the network takes for a batch: pixels [b, h, w, 3], windows [b, 4], anchors [n, 4], both normalised."""
        pixels = np.stack([image.pixels for image in batch])
        height, width = pixels.shape[1:3]
        windows = normalised(np.array([image.context for image in batch], np.float64), height, width)
        return pixels, windows, self._anchors(height, width)

    def warm_up(self, batch_size: int) -> None:
        """See `Detector.warm_up`."""
        side = max(STRIDES[-1], self._config.image_max_dim // STRIDES[-1] * STRIDES[-1])
        self.predict([self.prepare(np.zeros((side, side, 3), np.uint8))] * batch_size)


def _to_image(rows: NDArray[np.float32], masks: NDArray[np.float32], image: PreparedInput) -> Instances:
    """The network's detections of one image, which are normalised on its padded input, in pixels of the original."""
    rows = rows[: len(masks)]
    top, left, bottom, right = normalised(np.array(image.context, np.float64), *image.pixels.shape[:2])
    shift = np.array([top, left, top, left])
    rois = in_pixels(
        (rows[:, :4] - shift) / (np.array([bottom, right, bottom, right]) - shift), image.height, image.width
    )
    sides = rois[:, 2:] - rois[:, :2]
    solid = np.flatnonzero(sides[:, 0] * sides[:, 1] > 0)
    return Instances(
        rois=rois[solid],
        class_ids=rows[solid, 4].astype(np.int32),
        scores=rows[solid, 5],
        masks=tuple(enlarged(masks[i], *map(int, sides[i])) for i in solid),
    )


def _to_detections(found: Instances, image: PreparedInput) -> Detections:
    polygons = tuple(
        mask_to_polygons(mask, offset=(int(roi[1]), int(roi[0])), image_size=(image.width, image.height))
        for roi, mask in zip(found.rois, found.masks, strict=True)
    )
    return Detections(found.class_ids, found.scores, found.rois[:, [1, 0, 3, 2]].astype(np.float32), polygons)

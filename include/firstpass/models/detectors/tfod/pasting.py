"""A detection's small mask at its place in the image, as the TF Object Detection API itself pastes it.

The API (`reframe_box_masks_to_image_masks`, with TensorFlow's `crop_and_resize`) lays the centres of the mask's outer
rows and columns on the edges of the box, and those of the image's on 0 and 1 of the normalised coordinates: pixel y of
an image that is H high lies at y / (H - 1). Between the mask's values it interpolates linearly; beyond the box is
nothing. It does so for the whole image; here it is done for the box's pixels alone, which gives the same, but for what
float32 costs the API: of a box that ends with the image it may lose the last row or column.
"""

from __future__ import annotations

from math import ceil, floor
from typing import Any

import numpy as np
from numpy.typing import NDArray

MASK_CUT = 0.5
"""The API's own: a mask value above it belongs to the object."""


def paste(
    mask: NDArray[Any], box: NDArray[np.float32], width: int, height: int
) -> tuple[NDArray[np.bool_], tuple[int, int]]:
    """The object's pixels in the region of its box, and x, y of that region's upper left pixel.

    mask: [h, w], 0..1 over the box. box: ymin, xmin, ymax, xmax as the graph gives them, 0..1 of the image and maybe
    beyond. width, height: of the image in pixels. The region is empty for a box without pixels.
    """
    ymin, xmin, ymax, xmax = map(float, box)
    top, rows = _weights(ymin, ymax, height, mask.shape[0])
    left, columns = _weights(xmin, xmax, width, mask.shape[1])
    values = rows @ np.asarray(mask, np.float32) @ columns.T
    return values > MASK_CUT, (left, top)


def _weights(low: float, high: float, pixels: int, cells: int) -> tuple[int, NDArray[np.float32]]:
    """The first pixel within low..high of one axis, and each pixel's share of each of the mask's cells [n, cells]."""
    steps, start = (pixels - 1, 0.0) if pixels > 1 else (1, 0.5)  # of a single pixel crop_and_resize takes the middle
    first, end = max(ceil(low * steps - start), 0), min(floor(high * steps - start) + 1, pixels)
    if low >= high or first >= end:
        return 0, np.zeros((0, cells), np.float32)
    at = ((np.arange(first, end) + start) / steps - low) * ((cells - 1) / (high - low))
    weights = np.subtract.outer(at.astype(np.float32), np.arange(cells, dtype=np.float32))
    np.abs(weights, out=weights)
    np.subtract(1, weights, out=weights)  # linear: what lies a cell away or more has no share
    return first, np.maximum(weights, 0, out=weights)

"""Anchors: the boxes that the region proposal network moves and sizes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from firstpass.models.detectors.mask_rcnn.config import STRIDES


def anchors(height: int, width: int, scales: tuple[float, ...], ratios: tuple[float, ...]) -> NDArray[np.float32]:
    """The anchors of a network input of height × width pixels, [n, 4] as y1, x1, y2, x2, normalised (see `normalised`).

    scales: side in pixels of the square anchor of each level, P2 to P6. ratios: of width to height. Ordered by level,
    row, column and ratio, as the network's outputs are. They reach beyond the image.
    """
    levels = [_level(height, width, stride, scale, ratios) for stride, scale in zip(STRIDES, scales, strict=True)]
    return normalised(np.concatenate(levels), height, width)


def _level(height: int, width: int, stride: int, scale: float, ratios: tuple[float, ...]) -> NDArray[np.float64]:
    roots = np.sqrt(np.array(ratios, np.float64))
    sides = np.stack([scale / roots, scale * roots], axis=1)
    rows, columns = np.arange(0, height, stride), np.arange(0, width, stride)
    centres = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1)[:, :, None, :]
    return np.concatenate([centres - 0.5 * sides, centres + 0.5 * sides], axis=-1).reshape(-1, 4)


def normalised(boxes: NDArray[np.float64], height: int, width: int) -> NDArray[np.float32]:
    """Pixels → the network's coordinates: 0 is the first pixel's place and 1 the last one's, ends belong to the box."""
    scale = np.array([height - 1, width - 1, height - 1, width - 1])
    return np.asarray((boxes - np.array([0, 0, 1, 1])) / scale, np.float32)


def in_pixels(boxes: NDArray[np.float32], height: int, width: int) -> NDArray[np.int32]:
    """The reverse of `normalised`, rounded half to even; ends lie behind the box's last pixel."""
    scale = np.array([height - 1, width - 1, height - 1, width - 1])
    return np.asarray(np.around(boxes * scale + np.array([0, 0, 1, 1])), np.int32)

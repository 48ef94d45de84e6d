"""EXIF orientation: coordinates of the stored picture as they are in the picture that a viewer shows upright."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from firstpass.geometry.outlines import REACH

_TRANSPOSED = frozenset({5, 6, 7, 8})  # rows become columns
_FROM_RIGHT = frozenset({2, 3, 7, 8})  # the stored x is counted from the right edge
_FROM_BOTTOM = frozenset({3, 4, 6, 7})  # the stored y is counted from the bottom edge

Floats = NDArray[np.float64]


def upright_size(width: int, height: int, orientation: int) -> tuple[int, int]:
    """Width and height of the upright picture. orientation: EXIF's, 1 to 8, of a stored picture of this size."""
    return (height, width) if orientation in _TRANSPOSED else (width, height)


def upright_boxes(boxes: Floats, width: int, height: int, orientation: int) -> Floats:
    """Boxes [n, 4] as x1, y1, x2, y2 in the upright picture. width, height: of the stored one, in pixels."""
    corners = _turned(boxes.reshape(-1, 2), width, height, orientation).reshape(-1, 2, 2)
    return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)


def upright_ring(ring: Floats, width: int, height: int, orientation: int) -> Floats:
    """A ring [k, 2] as x, y in the upright picture, which marks the same pixels there.

    Rings begin at the left and upper edges of their pixels and end within those on the right and below (see
    `outlines`): counted from the other edge, they do so again only if the rest of that pixel is taken away.
    """
    rest = 1 - REACH
    turned = _turned(ring, width - rest, height - rest, orientation)
    return np.maximum(turned, 0) + 0.0


def _turned(points: Floats, width: float, height: float, orientation: int) -> Floats:
    x, y = points[:, 0], points[:, 1]
    x = width - x if orientation in _FROM_RIGHT else x
    y = height - y if orientation in _FROM_BOTTOM else y
    return np.stack([y, x] if orientation in _TRANSPOSED else [x, y], axis=1)

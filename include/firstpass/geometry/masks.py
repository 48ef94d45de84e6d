"""Rings back to masks: the reverse of `outlines`, for formats and servers that want pixels."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

RingPoints = NDArray[np.float32] | NDArray[np.float64]


def fill(
    parts: Sequence[Sequence[RingPoints]], size: tuple[int, int], offset: tuple[int, int] = (0, 0)
) -> NDArray[np.uint8]:
    """The mask [height, width] of these parts: 1 inside an outer ring and outside of its holes, else 0.

    parts: each its outer ring and those of its holes, [k, 2] as x, y in pixels of the image. size: width, height of the
    region that is wanted; offset: x, y of its upper left pixel. Each ring marks the pixels inside it and all those on
    its line when its points are rounded, which is what `outlines.mask_to_polygons` draws them for. Halves are rounded
    down: with two decimals, a ring that ends just short of a centre ends on it. Parts may lie in holes of others. What
    lies outside of the region is cut off.
    """
    width, height = size
    canvas = np.zeros((height, width), np.uint8)
    for part in parts:
        outer, *holes = (_pixels(np.asarray(ring, np.float64) - offset) for ring in part)
        if not holes:
            cv2.fillPoly(canvas, [outer], 1)
            continue
        own = np.zeros_like(canvas)
        cv2.fillPoly(own, [outer], 1)
        for hole in holes:
            cv2.fillPoly(own, [hole], 0)
        canvas |= own
    return canvas


def bounds(parts: Sequence[Sequence[RingPoints]], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the smallest region with all that `fill` marks; right and bottom are not in it.

    size: width, height of the image; what lies outside of it is cut off, which may leave nothing: right ≤ left.
    """
    pixels = _pixels(np.concatenate([np.asarray(part[0], np.float64) for part in parts]))
    left, top = np.maximum(pixels.min(0), 0)
    right, bottom = np.minimum(pixels.max(0) + 1, size)
    return int(left), int(top), int(right), int(bottom)


def _pixels(points: NDArray[np.float64]) -> NDArray[np.int32]:
    return np.ceil(points - 0.5).astype(np.int32)


def cropped(parts: Sequence[Sequence[RingPoints]], size: tuple[int, int]) -> tuple[NDArray[np.uint8], int, int] | None:
    """The smallest region with all of a mask's pixels, and its left and top; None where the image has none of them.

    size: width, height of the image.
    """
    left, top, right, bottom = bounds(parts, size)
    if right <= left or bottom <= top:
        return None
    region = fill(parts, (right - left, bottom - top), (left, top))
    return (region, left, top) if region.any() else None


def row_runs(region: NDArray[np.uint8]) -> list[int]:
    """Lengths of the runs of 0 and 1 in turn, row by row, beginning with 0: how CVAT writes masks."""
    flat = region.ravel()
    edges = np.flatnonzero(np.diff(flat)) + 1
    runs: list[int] = np.diff(np.concatenate(([0], edges, [flat.size]))).tolist()
    return [0, *runs] if flat[0] else runs

"""Masks to the polygons that people edit in CVAT.

A pixel (column x, row y) is the square from (x, y) to (x + 1, y + 1), as in CVAT. A contour runs along the left and
upper edges of a part's outermost pixels and ends `_REACH` into those on the right and below, just short of their
centres. So a polygon has an area even for a single pixel, and the usual ways of filling one mark the mask's own pixels
and no others, whether they round its points (cv2.fillPoly), cut off the fraction (PIL) or test whole coordinates
(skimage.draw). Written with two decimals, as CVAT's XML does, the far edges lie on the centres, and COCO's tools count
those as inside.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from firstpass.contracts.detections import Polygon

_REACH = 0.499  # of a pixel
_ROUGHEST = 8.0  # pixels; beyond it a polygon loses its shape long before it loses area
_FINEST = 0.3  # pixels; a polygon simplified by less has as many points as the outline itself
_RESERVE = 0.35  # of what `min_iou` leaves, for the ways of filling that are not tried
_FINENESS = ((4096, 8), (40_000, 4), (np.inf, 2))  # samples a pixel to tell inside from outside with, by a part's size


def mask_to_polygons(
    mask: NDArray[np.bool_ | np.uint8],
    offset: tuple[int, int] = (0, 0),
    image_size: tuple[int, int] | None = None,
    min_iou: float = 0.98,
    largest_only: bool = False,
) -> tuple[Polygon, ...]:
    """The outer contours of a mask, the largest part first, each simplified as far as `min_iou` allows.

    mask: [height, width], true or non-zero inside; best the region of the detection's box alone, which is much cheaper
    than the whole frame.
    offset: x, y of the mask's upper left pixel in the image.
    image_size: width, height of the image in pixels; what lies outside of it is cut off before anything else.
    min_iou: what the polygons, filled, must at least have in common with the mask, 0..1 as intersection over union; 1
    keeps every step of the outlines.
    largest_only: only the part with the largest area.

    Pixels that share an edge are one part; pixels that touch at a corner alone are two. Every polygon has an area and
    ≥ 3 points, does not repeat the first one at the end and does not cross itself. A mask without pixels gives ().

    Holes are filled, with everything inside them: a CVAT polygon cannot have any. `min_iou` is therefore measured
    against the mask with its holes filled. A hole is enclosed on all sides, corners included.

    Raises ValueError for a mask that is not two-dimensional.
    """
    if mask.ndim != 2:
        raise ValueError(f"a mask has two dimensions, this one has the shape {mask.shape}")
    region, (left, top) = _occupied(mask, offset, image_size)
    if not region.size:
        return ()
    outlines, _ = cv2.findContours(_doubled(region), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    parts = sorted((_with_area(np.asarray(o[:, 0], np.int32)) for o in outlines), key=cv2.contourArea, reverse=True)
    wanted = parts[:1] if largest_only else parts
    return _to_pixels(_simplified(wanted, min_iou), left, top)


def _occupied(
    mask: NDArray[np.bool_ | np.uint8], offset: tuple[int, int], image_size: tuple[int, int] | None
) -> tuple[NDArray[np.bool_], tuple[int, int]]:
    """The smallest region with all that the mask has inside the image, and where its upper left pixel is there."""
    left, top = offset
    if image_size is not None:
        width, height = image_size
        mask = mask[max(0, -top) : max(0, height - top), max(0, -left) : max(0, width - left)]
        left, top = max(0, left), max(0, top)
    rows = np.flatnonzero(mask.any(axis=1))
    if not len(rows):
        return np.empty((0, 0), np.bool_), (left, top)
    mask = mask[rows[0] : rows[-1] + 1]
    columns = np.flatnonzero(mask.any(axis=0))
    return mask[:, columns[0] : columns[-1] + 1] != 0, (left + int(columns[0]), top + int(rows[0]))


def _doubled(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The mask with two samples a pixel, whose outlines have a width even where the mask is one pixel thin.

    Padded by one pixel, so that what touches the border is closed there too. Where two pixels touch at a corner alone,
    the upper one loses its sample at that corner: OpenCV joins across corners, and the joint would be a crossing.
    """
    padded = cv2.copyMakeBorder(mask.view(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    samples = np.asarray(cv2.resize(padded, None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST), np.uint8)
    upper_left, upper_right, lower_left, lower_right = mask[:-1, :-1], mask[:-1, 1:], mask[1:, :-1], mask[1:, 1:]
    corner = (upper_left == lower_right) & (upper_right == lower_left) & (upper_left != upper_right)
    if corner.any():
        samples[3:-4:2, 3:-4:2][corner & upper_left] = 0
        samples[3:-4:2, 4:-3:2][corner & upper_right] = 0
    return samples


def _with_area(outline: NDArray[np.int32]) -> NDArray[np.int32]:
    """The outline; that of a pixel which lost two samples at its corners is a line, and gets them back."""
    if len(outline) > 2:
        return outline
    left, top = outline.min(axis=0) // 2 * 2
    return np.array([[left, top], [left, top + 1], [left + 1, top + 1], [left + 1, top]], np.int32)


def _simplified(parts: Sequence[NDArray[np.int32]], min_iou: float) -> Sequence[NDArray[np.int32]]:
    """The outlines with as few points as `min_iou` allows, each simplified in proportion to its size."""
    target = min_iou + (1 - min_iou) * _RESERVE
    if target >= 1:
        return parts
    fills = _Fills(parts)
    # An edge that strays by up to t along its whole length costs t·length/3 of the area; start well above that.
    wanted = 9 * (1 - target) * np.array([cv2.contourArea(part) / cv2.arcLength(part, True) for part in parts])
    tolerances = np.clip(wanted, 2.0, 2 * _ROUGHEST)
    while tolerances.max() >= 2 * _FINEST:
        simpler = [_simpler(part, tolerance) for part, tolerance in zip(parts, tolerances, strict=True)]
        if fills.agree(simpler, target):
            pairs = zip(parts, simpler, strict=True)
            return [points if points is part or not _crosses(points) else part for part, points in pairs]
        tolerances *= 0.7
    return parts


def _simpler(outline: NDArray[np.int32], tolerance: float) -> NDArray[np.int32]:
    points = cv2.approxPolyDP(outline, tolerance, True) if tolerance >= 2 * _FINEST else outline
    return np.asarray(points[:, 0], np.int32) if points.ndim == 3 and len(points) >= 3 else outline


class _Fills:
    """A mask as the different ways of filling see its outlines, to compare simplified ones with.

    What two outlines cover comes out empty, which only counts against outlines that strayed into each other.
    """

    def __init__(self, parts: Sequence[NDArray[np.int32]]) -> None:
        self._origin = np.min([part.min(axis=0) for part in parts], axis=0) // 2 * 2
        width, height = (np.max([part.max(axis=0) for part in parts], axis=0) - self._origin) // 2 + 1
        self._shape = (int(height), int(width))
        self._fine = next(fine for most, fine in _FINENESS if width * height <= most)
        self._touched, self._tested = self._touched_by(parts), self._tested_in(parts)

    def agree(self, parts: Sequence[NDArray[np.int32]], iou: float) -> bool:
        """Whether each fill of these outlines has at least this intersection over union with that of the mask."""
        if _iou(self._touched, self._touched_by(parts)) < iou:
            return False
        return all(_iou(*pair) >= iou for pair in zip(self._tested, self._tested_in(parts), strict=True))

    def _touched_by(self, parts: Sequence[NDArray[np.int32]]) -> NDArray[np.uint8]:
        """The pixels inside, and all those on the edges when the points are rounded to pixels."""
        pixels = np.zeros(self._shape, np.uint8)
        cv2.fillPoly(pixels, [(part - self._origin) // 2 for part in parts], 1)
        return pixels

    def _tested_in(self, parts: Sequence[NDArray[np.int32]]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """The pixels whose whole coordinates lie inside, and those whose centres do."""
        fine, half = self._fine, self._fine // 2
        samples = np.zeros((fine * self._shape[0], fine * self._shape[1]), np.uint8)
        cv2.fillPoly(samples, [(part - self._origin) * half for part in parts], 1)
        return np.ascontiguousarray(samples[::fine, ::fine]), np.ascontiguousarray(samples[half::fine, half::fine])


def _iou(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    both, differ = cv2.countNonZero(one) + cv2.countNonZero(other), cv2.norm(one, other, cv2.NORM_L1)
    return float((both - differ) / (both + differ)) if both else 1.0


def _crosses(points: NDArray[np.int32]) -> bool:
    """Whether two edges of a polygon cross, or touch where they are not neighbours."""
    if len(points) == 3:
        return False
    start, end = points, np.concatenate([points[1:], points[:1]])
    low, high = np.minimum(start, end), np.maximum(start, end)
    near = (low[:, None, 0] <= high[:, 0]) & (low[:, 0] <= high[:, None, 0])
    near &= (low[:, None, 1] <= high[:, 1]) & (low[:, 1] <= high[:, None, 1])
    first, second = np.nonzero(near)
    apart = (second - first > 1) & (second - first < len(points) - 1)  # neighbours meet at their common point
    a, b, c, d = (ends[which[apart]].astype(np.int64) for which in (first, second) for ends in (start, end))
    return bool(np.any((_turn(a, b, c) * _turn(a, b, d) <= 0) & (_turn(c, d, a) * _turn(c, d, b) <= 0)))


def _turn(a: NDArray[np.int64], b: NDArray[np.int64], c: NDArray[np.int64]) -> NDArray[np.int64]:
    """On which side of the line from a to b each c lies: -1, 0 or 1."""
    ab, ac = b - a, c - a
    return np.asarray(np.sign(ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0]))


def _to_pixels(parts: Sequence[NDArray[np.int32]], left: int, top: int) -> tuple[Polygon, ...]:
    """Samples of the padded region → pixels of the image."""
    samples = np.concatenate(parts) - 2
    pixels = np.asarray(samples // 2 + (left, top) + samples % 2 * _REACH, np.float32)
    return tuple(np.split(pixels, np.cumsum([len(part) for part in parts[:-1]])))

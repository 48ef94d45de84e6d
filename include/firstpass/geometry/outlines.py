"""Masks to the outlines that people edit in CVAT.

A pixel (column x, row y) is the square from (x, y) to (x + 1, y + 1), as in CVAT. A ring runs along the left and upper
edges of its outermost pixels and ends `REACH` into those on the right and below, just short of their centres. So a
ring has an area even for a single pixel, and the usual ways of filling one mark its own pixels and no others, whether
they round its points (cv2.fillPoly), cut off the fraction (PIL) or test whole coordinates (skimage.draw). Written with
two decimals, as CVAT's XML does, the far edges lie on the centres, and COCO's tools count those as inside.

A hole's ring is drawn by the same rule around the hole's own pixels: a mask is what its outer ring marks, without what
its holes mark. `firstpass.geometry.masks` is the way back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from firstpass.contracts.detections import Part

REACH = 0.499  # of a pixel: how far rings go into those on their right and below
_ROUGHEST = 8.0  # pixels; beyond it a ring loses its shape long before it loses area
_FINEST = 0.3  # pixels; a ring simplified by less has as many points as the outline itself
_RESERVE = 0.35  # of what `min_iou` leaves, for the ways of filling that are not tried
_FINENESS = ((4096, 8), (40_000, 4), (np.inf, 2))  # samples per pixel to tell inside from outside, by a part's size

Points = NDArray[np.int32]
"""A ring in samples, two to a pixel: [k, 2] as x, y."""


@dataclass(frozen=True, slots=True)
class Outlines:
    """One part of a mask: its outer ring, and the rings of the holes in it."""

    outer: Points
    holes: tuple[Points, ...] = ()


def mask_to_polygons(
    mask: NDArray[np.bool_ | np.uint8],
    offset: tuple[int, int] = (0, 0),
    image_size: tuple[int, int] | None = None,
    min_iou: float = 0.98,
    largest_only: bool = False,
) -> tuple[Part, ...]:
    """The parts of a mask as rings, the largest part first, each simplified as far as `min_iou` allows.

    mask: [height, width], true or non-zero inside; best the region of the detection's box alone, which is much cheaper
    than the whole frame.
    offset: x, y of the mask's upper left pixel in the image.
    image_size: width, height of the image in pixels; what lies outside of it is cut off before anything else.
    min_iou: what the rings, filled, must at least have in common with the mask, 0..1 as intersection over union; 1
    keeps every step of the outlines.
    largest_only: only the part with the largest area.

    Pixels that share an edge are one part; pixels that touch at a corner alone are two. The first ring of a part is its
    outer one, the others are its holes. Where a mask has holes, its outer rings alone agree with the mask whose holes
    are filled, too. A part in a hole of another one is a part of its own. Every ring has an area and ≥ 3 points, does
    not repeat the first one at the end and does not cross itself. A mask without pixels gives ().

    Raises ValueError for a mask that is not two-dimensional.
    """
    if mask.ndim != 2:
        raise ValueError(f"a mask has two dimensions, this one has the shape {mask.shape}")
    region, (left, top) = _occupied(mask, offset, image_size)
    if not region.size:
        return ()
    parts = _parts(region)
    if largest_only:
        parts = parts[:1]
    return tuple(_to_pixels(part, left, top) for part in _simplified(parts, min_iou))


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


def _parts(region: NDArray[np.bool_]) -> list[Outlines]:
    """The parts of a mask, the largest first; holes are told from its outside, to which corners belong."""
    outlines, tree = cv2.findContours(_doubled(region), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    if all(parent < 0 for *_, parent in tree[0]):
        return _largest_first(Outlines(_with_area(points)) for points in _points(outlines))
    _, owner = cv2.connectedComponents(region.view(np.uint8), connectivity=4)
    holes: dict[int, list[Points]] = {}
    for hole, (x, y) in _holes(region):
        holes.setdefault(int(owner[y, x]), []).append(hole)
    outer = (points for points, (*_, parent) in zip(_points(outlines), tree[0], strict=True) if parent < 0)
    found = {int(owner[points[0, 1] // 2 - 1, points[0, 0] // 2 - 1]): _with_area(points) for points in outer}
    return _largest_first(Outlines(points, tuple(holes.get(part, ()))) for part, points in found.items())


def _largest_first(parts: Iterable[Outlines]) -> list[Outlines]:
    return sorted(parts, key=lambda part: cv2.contourArea(part.outer), reverse=True)


def _holes(region: NDArray[np.bool_]) -> Iterator[tuple[Points, tuple[int, int]]]:
    """Each hole's ring, with what lies inside it, and a pixel (x, y) of the part that it is in.

    Background pixels that touch at a corner are one hole; its ring passes through no corner, so it may have several.
    """
    outside = cv2.copyMakeBorder((~region).view(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=1)
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(outside, connectivity=8)
    for label in range(1, count):
        x, y, width, height, _ = boxes[label].tolist()
        if label == labels[0, 0]:
            continue
        hole = labels[y : y + height, x : x + width] == label
        left = (x - 2, y - 1 + int(np.argmax(hole[:, 0])))  # to the left of its leftmost pixel, without the border
        rings, _ = cv2.findContours(_doubled(hole), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        for points in _points(rings):
            shift = np.array((2 * (x - 1), 2 * (y - 1)), np.int32)
            yield _with_area(points) + shift, left


def _points(outlines: Sequence[Any]) -> Iterator[Points]:
    return (np.asarray(outline[:, 0], np.int32) for outline in outlines)


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


def _simplified(parts: Sequence[Outlines], min_iou: float) -> Sequence[Outlines]:
    """The outlines with as few points as `min_iou` allows, each ring simplified in proportion to its size."""
    target = min_iou + (1 - min_iou) * _RESERVE
    if target >= 1:
        return parts
    fills = _Fills(parts)
    rings = [ring for part in parts for ring in (part.outer, *part.holes)]
    # An edge that strays by up to t along its whole length costs t·length/3 of the area; start well above that.
    wanted = 9 * (1 - target) * np.array([cv2.contourArea(ring) / cv2.arcLength(ring, True) for ring in rings])
    tolerances = np.clip(wanted, 2.0, 2 * _ROUGHEST)
    while tolerances.max() >= 2 * _FINEST:
        simpler = [_simpler(ring, tolerance) for ring, tolerance in zip(rings, tolerances, strict=True)]
        if fills.agree(_like(parts, simpler), target):
            pairs = zip(rings, simpler, strict=True)
            return _like(parts, [points if points is ring or not _crosses(points) else ring for ring, points in pairs])
        tolerances *= 0.7
    return parts


def _like(parts: Sequence[Outlines], rings: Iterable[Points]) -> list[Outlines]:
    """The parts with these rings, in their order, in place of their own."""
    left = iter(rings)
    return [Outlines(next(left), tuple(islice(left, len(part.holes)))) for part in parts]


def _simpler(outline: NDArray[np.int32], tolerance: float) -> NDArray[np.int32]:
    points = cv2.approxPolyDP(outline, tolerance, True) if tolerance >= 2 * _FINEST else outline
    return np.asarray(points[:, 0], np.int32) if points.ndim == 3 and len(points) >= 3 else outline


class _Fills:
    """A mask as the different ways of filling see its rings, to compare simplified ones with.

    What two outer rings cover comes out empty, which only counts against rings that strayed into each other.
    """

    def __init__(self, parts: Sequence[Outlines]) -> None:
        outer = [part.outer for part in parts]
        self._origin = np.min([ring.min(axis=0) for ring in outer], axis=0) // 2 * 2
        width, height = (np.max([ring.max(axis=0) for ring in outer], axis=0) - self._origin) // 2 + 1
        self._shape = (int(height), int(width))
        self._fine = next(fine for most, fine in _FINENESS if width * height <= most)
        self._looks = (False, True) if any(part.holes for part in parts) else (False,)  # without the holes, with them
        self._touched = [self._touched_by(parts, holes) for holes in self._looks]
        self._tested = [self._tested_in(parts, holes) for holes in self._looks]

    def agree(self, parts: Sequence[Outlines], iou: float) -> bool:
        """Whether each fill of these rings has at least this intersection over union with that of the mask."""
        touched = zip(self._touched, (self._touched_by(parts, holes) for holes in self._looks), strict=True)
        if any(_iou(*pair) < iou for pair in touched):
            return False
        tested = zip(self._tested, (self._tested_in(parts, holes) for holes in self._looks), strict=True)
        return all(_iou(*pair) >= iou for own, theirs in tested for pair in zip(own, theirs, strict=True))

    def _touched_by(self, parts: Sequence[Outlines], holes: bool) -> NDArray[np.uint8]:
        """The pixels inside, and all those on the edges when the points are rounded to pixels."""
        return _drawn(parts, holes, self._shape, lambda ring: (ring - self._origin) // 2)

    def _tested_in(self, parts: Sequence[Outlines], holes: bool) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """The pixels whose whole coordinates lie inside, and those whose centres do."""
        fine, half = self._fine, self._fine // 2
        shape = (fine * self._shape[0], fine * self._shape[1])
        samples = _drawn(parts, holes, shape, lambda ring: (ring - self._origin) * half)
        return np.ascontiguousarray(samples[::fine, ::fine]), np.ascontiguousarray(samples[half::fine, half::fine])


def _drawn(
    parts: Sequence[Outlines], holes: bool, shape: tuple[int, int], place: Callable[[Points], Points]
) -> NDArray[np.uint8]:
    """What the parts mark, with or without holes in them. place: a ring as it lies on the canvas."""
    canvas = np.zeros(shape, np.uint8)
    if not holes:
        cv2.fillPoly(canvas, [place(part.outer) for part in parts], 1)
        return canvas
    for part in parts:  # one that lies in a hole of another is smaller, and so drawn after it
        cv2.fillPoly(canvas, [place(part.outer)], 1)
        for hole in part.holes:
            cv2.fillPoly(canvas, [place(hole)], 0)
    return canvas


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


def _to_pixels(part: Outlines, left: int, top: int) -> Part:
    """Samples of the padded region → pixels of the image."""
    rings = (part.outer, *part.holes)
    samples = np.concatenate(rings) - 2
    pixels = np.asarray(samples // 2 + (left, top) + samples % 2 * REACH, np.float32)
    return tuple(np.split(pixels, np.cumsum([len(ring) for ring in rings[:-1]])))

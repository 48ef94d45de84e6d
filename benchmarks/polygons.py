"""1,000 masks of 1280×960 to polygons: `mask_to_polygons` beside scikit-image's find_contours + approximate_polygon.

Both get the same full frames, turn about in blocks, three rounds; the masks are irregular shapes such as a network
draws. Both results are filled again and compared with the masks. Run it alone on the machine:

    python benchmarks/polygons.py [--masks 1000] [--rounds 3]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage import draw
from skimage.measure import approximate_polygon, find_contours

from firstpass.geometry.outlines import mask_to_polygons
from firstpass.models.detectors.mask_rcnn.images import enlarged

WIDTH, HEIGHT = 1280, 960
BLOCK = 50
TOLERANCE = 1.0  # pixels, of scikit-image's side

Mask = NDArray[np.bool_]


def masks(count: int) -> list[Mask]:
    """Shapes of 20 to 700 pixels, smooth as a 28×28 mask is when enlarged; some touch the border."""
    random = np.random.default_rng(0)
    return [_mask(random) for _ in range(count)]


def _mask(random: np.random.Generator) -> Mask:
    width, height = (int(side) for side in np.exp(random.uniform(np.log(20), np.log(700), 2)))
    left, top = random.integers(0, WIDTH - width + 1), random.integers(0, HEIGHT - height + 1)
    y, x = np.mgrid[-1:1:28j, -1:1:28j]
    bumps = cv2.GaussianBlur(random.normal(0, 1.2, (28, 28)), (9, 9), 2)
    soft = 1 / (1 + np.exp(-8 * (0.8 - np.hypot(x, y) + bumps)))
    frame = np.zeros((HEIGHT, WIDTH), np.bool_)
    frame[top : top + height, left : left + width] = enlarged(soft.astype(np.float32), height, width)
    return frame


def ours(mask: Mask) -> list[Any]:
    return [ring for part in mask_to_polygons(mask) for ring in part]


def theirs(mask: Mask) -> list[Any]:
    contours = find_contours(np.pad(mask, 1), 0.5)
    return [approximate_polygon(contour, TOLERANCE)[:-1, ::-1] - 1 for contour in contours]


def iou(polygons: list[Any], mask: Mask) -> float:
    """With the mask's holes filled: both sides give them as outlines among the others."""
    filled, whole = np.zeros(mask.shape, np.uint8), np.zeros(mask.shape, np.uint8)
    for polygon in polygons:
        filled[draw.polygon(polygon[:, 1], polygon[:, 0], mask.shape)] = 1
    contours, _ = cv2.findContours(mask.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(whole, contours, -1, 1, cv2.FILLED)
    return float((filled & whole).sum() / (filled | whole).sum())


def timed(convert: Callable[[Mask], list[Any]], block: list[Mask]) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    for mask in block:
        convert(mask)
    return time.perf_counter() - wall, time.process_time() - cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--masks", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    frames = [mask for mask in masks(arguments.masks) if mask.any()]
    sides = {"scikit-image": theirs, "ours": ours}
    for convert in sides.values():
        timed(convert, frames[:5])
    rounds: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    for _ in range(arguments.rounds):
        totals = {name: np.zeros(2) for name in sides}
        for start in range(0, len(frames), BLOCK):
            for name, convert in sides.items():
                totals[name] += timed(convert, frames[start : start + BLOCK])
        for name in sides:
            rounds[name].append(tuple(totals[name]))
    print(f"{len(frames)} masks of {WIDTH}×{HEIGHT}, median of {arguments.rounds} rounds")
    print(f"{'':14}{'wall s':>8}{'CPU s':>8}{'points':>8}{'IoU mean':>10}{'IoU min':>9}")
    for name, convert in sides.items():
        found = [convert(mask) for mask in frames]
        points = np.mean([sum(map(len, polygons)) for polygons in found])
        ious = [iou(polygons, mask) for polygons, mask in zip(found, frames, strict=True)]
        wall, cpu = (median(values) for values in zip(*rounds[name], strict=True))
        print(f"{name:14}{wall:8.2f}{cpu:8.2f}{points:8.1f}{np.mean(ious):10.4f}{np.min(ious):9.4f}")
    ratios = [
        (theirs_[0] / ours_[0], theirs_[1] / ours_[1])
        for theirs_, ours_ in zip(rounds["scikit-image"], rounds["ours"], strict=True)
    ]
    wall, cpu = (median(values) for values in zip(*ratios, strict=True))
    print(f"ours is {wall:.1f} times as fast by wall time, {cpu:.1f} times by CPU time")


if __name__ == "__main__":
    main()

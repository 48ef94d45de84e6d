"""100 masks of 15×15 and of 33×33 pasted onto 1280×960: TensorFlow's own pasting beside `paste`, and their agreement.

TensorFlow's side is what the Object Detection API's exporter builds into a graph (`reframe_box_masks_to_image_masks`,
then the cut at a half), over all masks at once, with all threads that it takes. It gives whole frames; ours gives the
region of each box, which is all that is needed afterwards. Both take turns. Run it alone on the machine:

    python benchmarks/tfod_masks.py [--masks 100] [--rounds 20]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import cv2
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from firstpass.models.detectors.tfod.pasting import MASK_CUT, paste

WIDTH, HEIGHT = 1280, 960
CELLS = (15, 33)


def masks(count: int, cells: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Irregular shapes with soft edges, [count, cells, cells], and their boxes, 20 to 700 pixels long, as the API's."""
    random = np.random.default_rng(cells)
    noise = np.stack([cv2.GaussianBlur(random.random((cells, cells)), (0, 0), cells / 8) for _ in range(count)])
    low, high = noise.min(axis=(1, 2), keepdims=True), noise.max(axis=(1, 2), keepdims=True)
    sides = np.exp(random.uniform(np.log(20), np.log(700), (count, 2))) / (HEIGHT, WIDTH)
    corners = random.uniform(0, 1 - sides)
    boxes = np.concatenate([corners, corners + sides], axis=1)
    return ((noise - low) / (high - low)).astype(np.float32), boxes.astype(np.float32)


def ours(small: NDArray[np.float32], boxes: NDArray[np.float32]) -> list[Any]:
    return [paste(mask, box, WIDTH, HEIGHT) for mask, box in zip(small, boxes, strict=True)]


@tf.function
def _reframed(small: Any, boxes: Any) -> Any:
    count = tf.shape(boxes)[0]
    image = tf.reshape(tf.tile([[0.0, 0.0, 1.0, 1.0]], [count, 1]), [-1, 2, 2])
    corner = boxes[:, None, 0:2]
    image_in_box = tf.reshape((image - corner) / (boxes[:, None, 2:4] - corner), [-1, 4])
    pasted = tf.image.crop_and_resize(
        small[..., None], image_in_box, tf.range(count), [HEIGHT, WIDTH], method="bilinear", extrapolation_value=0
    )
    return pasted[..., 0] > MASK_CUT


def theirs(small: NDArray[np.float32], boxes: NDArray[np.float32]) -> NDArray[np.bool_]:
    frames: NDArray[np.bool_] = _reframed(tf.constant(small), tf.constant(boxes)).numpy()
    return frames


def iou(region: NDArray[np.bool_], left: int, top: int, frame: NDArray[np.bool_]) -> float:
    whole = np.zeros_like(frame)
    whole[top : top + region.shape[0], left : left + region.shape[1]] = region
    either = np.count_nonzero(whole | frame)
    return np.count_nonzero(whole & frame) / either if either else 1.0


def timed(work: Callable[..., Any], *arguments: Any) -> tuple[float, float]:
    """Milliseconds by the clock and of the processor."""
    wall, cpu = time.perf_counter(), time.process_time()
    work(*arguments)
    return 1000 * (time.perf_counter() - wall), 1000 * (time.process_time() - cpu)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--masks", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=20)
    arguments = parser.parse_args()
    sides = {"TensorFlow": theirs, "ours": ours}
    print(f"{arguments.masks} masks onto {WIDTH}×{HEIGHT}, {arguments.rounds} rounds")
    print(f"{'':18}{'best ms':>9}{'median ms':>11}{'CPU ms':>9}{'IoU mean':>10}{'IoU min':>9}")
    for cells in CELLS:
        given = masks(arguments.masks, cells)
        frames = theirs(*given)
        agreed = [iou(region, *corner, frame) for (region, corner), frame in zip(ours(*given), frames, strict=True)]
        rounds: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
        for _ in range(arguments.rounds):
            for name, work in sides.items():
                rounds[name].append(timed(work, *given))
        best = {}
        for name, times in rounds.items():
            walls, cpus = zip(*times, strict=True)
            best[name] = min(walls)
            line = f"{cells:3}×{cells} {name:11}{min(walls):9.1f}{median(walls):11.1f}{median(cpus):9.1f}"
            print(line + (f"{np.mean(agreed):10.5f}{np.min(agreed):9.5f}" if name == "ours" else ""))
        print(f"{cells:3}×{cells} ours is {best['TensorFlow'] / best['ours']:.0f} times as fast")


if __name__ == "__main__":
    main()

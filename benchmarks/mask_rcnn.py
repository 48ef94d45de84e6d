"""Mask R-CNN, ResNet-50, 1024×1024: images per second, and what preparing and finishing cost beside the forward pass.

The weights are the test-suite's reference case, which finds as many instances as it may (100) in any photograph, each
with a ragged mask: the most that there can be to finish. Run it alone on the machine:

    python benchmarks/mask_rcnn.py [--rounds 3]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "models" / "detectors"))
BATCHES = (1, 4)
OPTIONS = {"detection_min_confidence": 0.3}


def photographs() -> list[Any]:
    """Four photographs of 1280×960."""
    paths = [ROOT / "include" / "samples" / name for name in ("china.jpg", "flower.jpg", "coffee.png", "astronaut.png")]
    return [cv2.resize(cv2.imread(str(path), cv2.IMREAD_COLOR_RGB), (1280, 960)) for path in paths]


def detector() -> Any:
    """The reference weights at the library's default size."""
    from conftest import recipe_layers, version, write_weights
    from firstpass.models.detectors.mask_rcnn import loading

    with tempfile.TemporaryDirectory() as folder:
        write_weights(Path(folder) / "weights.h5", recipe_layers())
        return loading.load(version(OPTIONS), Path(folder), OPTIONS["detection_min_confidence"])


def timed(work: Callable[[], Any]) -> tuple[Any, Any]:
    """What `work` returns, and its wall and CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    return result, np.array([time.perf_counter() - wall, time.process_time() - cpu])


def measure(network: Any, images: list[Any]) -> tuple[Any, Any, Any, int]:
    """Seconds to prepare a batch, of the forward pass alone, and to finish; and how many instances there were."""
    prepared, preparing = timed(lambda: [network.prepare(image) for image in images])
    inputs = network.inputs(prepared)
    outputs, forward = timed(lambda: [part.numpy() for part in network.network.run(*inputs)])
    with pretending(network, outputs):
        found, finishing = timed(lambda: network.predict(prepared))
    return preparing, forward, finishing, sum(map(len, found))


@contextmanager
def pretending(network: Any, outputs: list[Any]) -> Iterator[None]:
    """The forward pass is left out: it gives what it gave before."""
    run = network.network.run
    network.network.run = lambda *_: [SimpleNamespace(numpy=lambda part=part: part) for part in outputs]
    try:
        yield
    finally:
        network.network.run = run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    network, images = detector(), photographs()
    for batch in BATCHES:
        measure(network, images[:batch])
    results: dict[int, list[Any]] = {batch: [] for batch in BATCHES}
    for _ in range(rounds):
        for batch in BATCHES:
            results[batch].append(measure(network, images[:batch]))
            seconds = ", ".join(f"{part[0]:.2f}" for part in results[batch][-1][:3])
            print(f"  batch {batch}: prepare, forward, finish: {seconds} s", flush=True)
    print(f"median of {rounds} rounds; seconds per image: wall (CPU)")
    for batch in BATCHES:
        preparing, forward, finishing = (np.median([r[i] for r in results[batch]], axis=0) / batch for i in range(3))
        share = median(float((r[0] + r[2])[0] / r[1][0]) for r in results[batch])
        share_cpu = median(float((r[0] + r[2])[1] / r[1][1]) for r in results[batch])
        total = preparing + forward + finishing
        print(
            f"batch {batch}: prepare {preparing[0]:.3f} ({preparing[1]:.3f}), "
            f"forward {forward[0]:.3f} ({forward[1]:.3f}), finish {finishing[0]:.3f} ({finishing[1]:.3f}); "
            f"{1 / total[0]:.2f} images/s beside {1 / forward[0]:.2f} of the forward pass; "
            f"pre- and post-processing {share:.1%} ({share_cpu:.1%}) of it; "
            f"{results[batch][0][3] / batch:.0f} instances per image"
        )


if __name__ == "__main__":
    main()

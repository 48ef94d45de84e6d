"""The network alone: a frozen graph whole, as exported, beside the detector made of it, on photographs of 1280×960.

The sides run in turns, each in a process of its own, with oneDNN on; the whole graph has TensorFlow's own threads.
Decoding is left out; the detector's side includes its own resizing, shown apart as well, and divides eight images among
its streams, as `infer` does. Medians of all rounds, and the processor's time, which other work on the machine disturbs
least.

    .venv/bin/python benchmarks/inference_network.py [--model NAME] [--rounds 9]
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import cv2
import numpy as np
from apart import process
from exported import as_exported
from numpy.typing import NDArray

from firstpass.contracts.detections import Detections
from firstpass.contracts.detector import PreparedInput
from firstpass.models import kinds, resolution
from firstpass.models.local_copy import local_folder
from firstpass.models.store import version_uri
from firstpass.settings import home

SIZE = (1280, 960)
COUNTS = {
    "whole graph, one": 1,
    "whole graph, eight": 8,
    "detector, one": 1,
    "detector, eight": 8,
    "  its resizing": 8,
    "  its network": 8,
}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--model", default="nanodet-coco")
    options.add_argument("--rounds", type=int, default=9)
    asked = options.parse_args()
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in COUNTS}
    with process() as whole, process() as detector:
        for number in range(asked.rounds + 2):
            for name in COUNTS:
                side = whole if name.startswith("whole") else detector
                times = side.submit(timed, asked.model, name).result()
                if number > 1:  # the first two warm up
                    taken[name].append(times)
    report(taken)


def timed(model: str, name: str) -> tuple[float, float]:
    """Seconds per image, wall and CPU, in the process that has this side."""
    run, count = (whole_graph if name.startswith("whole") else detector)(model)[name], COUNTS[name]
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    return (time.perf_counter() - wall) / count, (time.process_time() - cpu) / count


@cache
def whole_graph(model: str) -> dict[str, Callable[[], object]]:
    version = resolution.resolve(model)
    graph, images = as_exported(local_folder(version_uri(version))), pictures()
    one, eight = images[0][np.newaxis], np.stack(images)
    return {"whole graph, one": lambda: graph(one), "whole graph, eight": lambda: graph(eight)}


@cache
def detector(model: str) -> dict[str, Callable[[], object]]:
    version = resolution.resolve(model)
    found, images = kinds.load(version, local_folder(version_uri(version)), 0.0), pictures()
    threads = ThreadPoolExecutor(found.streams)
    prepared = [found.prepare(image) for image in images]

    def predict(batch: list[PreparedInput]) -> list[list[Detections]]:
        return list(threads.map(found.predict, (batch[first :: found.streams] for first in range(found.streams))))

    return {
        "detector, one": lambda: found.predict([found.prepare(images[0])]),
        "detector, eight": lambda: predict([found.prepare(image) for image in images]),
        "  its resizing": lambda: [found.prepare(image) for image in images],
        "  its network": lambda: predict(prepared),
    }


def pictures() -> list[NDArray[np.uint8]]:
    photos = [cv2.imread(str(path), cv2.IMREAD_COLOR_RGB) for path in sorted((home() / "include/samples").glob("*.*g"))]
    return [cv2.resize(photo, SIZE).astype(np.uint8, copy=False) for photo in photos if photo is not None][:8]


def report(taken: dict[str, list[tuple[float, float]]]) -> None:
    base = statistics.median(cpu for _, cpu in taken["whole graph, one"])
    print(f"{'ms per image':24} {'wall':>7} {'CPU':>7}   CPU of the whole graph, one")
    for name, times in taken.items():
        wall, cpu = (statistics.median(column) * 1000 for column in zip(*times, strict=True))
        print(f"{name:24} {wall:7.1f} {cpu:7.1f}   {cpu / base / 1000:.2f}")


if __name__ == "__main__":
    main()

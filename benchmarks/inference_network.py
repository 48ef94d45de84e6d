"""The network alone: a frozen graph whole, as exported, beside the detector made of it, on photographs of 1280×960.

Both sides run in this process and in turns, with oneDNN on; the whole graph has TensorFlow's own threads. Decoding is
left out; the detector's side includes its own resizing, shown apart as well. Medians of all rounds, and the processor's
time, which other work on the machine disturbs least.

    .venv/bin/python benchmarks/inference_network.py [--model NAME] [--rounds 9]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import cv2
import numpy as np
from exported import as_exported

from firstpass.models import detectors, registry
from firstpass.settings import home

SIZE = (1280, 960)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--model", default="nanodet-coco")
    options.add_argument("--rounds", type=int, default=9)
    asked = options.parse_args()
    version = registry.resolve(asked.model)
    folder = registry.local_folder(registry.version_uri(version))
    whole = as_exported(folder)
    detector = detectors.load(version, folder)
    photos = [cv2.imread(str(path), cv2.IMREAD_COLOR_RGB) for path in sorted((home() / "include/samples").glob("*.*g"))]
    images = [cv2.resize(photo, SIZE) for photo in photos][:8]
    prepared = [detector.prepare(image) for image in images]
    one, eight = images[0][np.newaxis], np.stack(images)
    sides = {
        "whole graph, one": (1, lambda: whole(one)),
        "whole graph, eight": (8, lambda: whole(eight)),
        "detector, one": (1, lambda: detector.predict([detector.prepare(images[0])])),
        "detector, eight": (8, lambda: detector.predict([detector.prepare(image) for image in images])),
        "  its resizing": (8, lambda: [detector.prepare(image) for image in images]),
        "  its network": (8, lambda: detector.predict(prepared)),
    }
    report(sides, asked.rounds)


def report(sides: dict[str, tuple[int, Callable[[], object]]], rounds: int) -> None:
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    for number in range(rounds + 2):
        for name, (count, run) in sides.items():
            wall, cpu = time.perf_counter(), time.process_time()
            run()
            if number > 1:  # the first two warm up
                taken[name].append(((time.perf_counter() - wall) / count, (time.process_time() - cpu) / count))
    base = statistics.median(cpu for _, cpu in taken["whole graph, one"])
    print(f"{'ms an image':24} {'wall':>7} {'CPU':>7}   CPU of the whole graph, one")
    for name, times in taken.items():
        wall, cpu = (statistics.median(column) * 1000 for column in zip(*times, strict=True))
        print(f"{name:24} {wall:7.1f} {cpu:7.1f}   {cpu / base / 1000:.2f}")


if __name__ == "__main__":
    main()

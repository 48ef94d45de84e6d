"""Images per second of one chunk, beside the loop that everyone writes: decode one, feed it to the graph, next.

The sides run in turns over the same photographs, warm, each in a process of its own; the medians of all rounds are
compared. What is loaded once (TensorFlow, the model) is kept out and shown apart. oneDNN is on for both.

    .venv/bin/python benchmarks/inference.py [--images 500] [--rounds 3] [--photos FOLDER]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import photos
from apart import process
from exported import as_exported

from firstpass import storage
from firstpass.chunks import cost_model, profiles
from firstpass.contracts.chunk_manifest import Chunk
from firstpass.contracts.detector import Detector
from firstpass.contracts.model_version import ModelVersion
from firstpass.images.sources import list_images
from firstpass.inference import chunk_inference, passes
from firstpass.models import resolution
from firstpass.models.kinds import kind_of
from firstpass.models.load_detector import load_detector
from firstpass.models.local_copy import local_folder
from firstpass.models.store import version_uri


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--images", type=int, default=500)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--photos", type=Path, help="where to make the photographs, and find them again")
    options.add_argument("--model", default="nanodet-coco")
    asked = options.parse_args()
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"
    with tempfile.TemporaryDirectory() as scratch:
        folder = photos.make(asked.photos or Path(scratch, "photos"), asked.images)
        measure(folder, Path(scratch), asked.model, asked.rounds)


def measure(folder: Path, scratch: Path, model: str, rounds: int) -> None:
    refs = tuple(list_images(str(folder)))
    version = resolution.resolve(model)
    size = cost_model.batch_size(profiles.network_of(version), profiles.machine("cpu"))
    stored = sum(ref.size for ref in refs) / len(refs)
    print(f"{len(refs)} photographs of {stored / 1000:.0f} KB, {version.ref}, {os.cpu_count()} cores")

    def chunk(images: tuple, name: str) -> str:
        output = f"{scratch}/results/{name}.parquet"
        uri = version_uri(version)
        return Chunk(
            "bench", 0, version.ref, uri, version.threshold, kind_of(version.kind).revision, size, output, images
        ).save(str(scratch / name))

    start_up(chunk(refs[:1], "one"))
    manifest = chunk(refs, "all")
    sides = {"one at a time": one_at_a_time, "firstpass infer": ours}
    taken: dict[str, list[tuple[float, float, int]]] = {name: [] for name in sides}
    with process() as his, process() as own:
        for number in range(rounds):
            for (name, side), pool in zip(sides.items(), (his, own), strict=True):
                taken[name].append(pool.submit(side, manifest).result())
                print(f"  round {number + 1}, {name}: {len(refs) / taken[name][-1][0]:.1f} images/s", flush=True)
    medians = {name: statistics.median(wall for wall, _, _ in times) for name, times in taken.items()}
    for name, times in taken.items():
        wall, work = medians[name] / len(refs), statistics.median(work for _, work, _ in times) / len(refs)
        print(
            f"{name:>16}: {1 / wall:6.1f} images/s, {1e3 * wall:5.1f} ms per image, {1e3 * work:5.1f} ms of CPU, "
            f"{times[-1][2]} detections"
        )
    print(f"firstpass infer is {medians['one at a time'] / medians['firstpass infer']:.2f} times as fast")


def start_up(manifest: str) -> None:
    """What a pod pays before its first image: the whole command on one photograph."""
    started = time.monotonic()
    command = [Path(sys.executable).with_name("firstpass"), "infer", manifest]
    subprocess.run(command, check=True, capture_output=True)
    print(f"start-up of the command: {time.monotonic() - started:.1f} s")


def ours(manifest: str) -> tuple[float, float, int]:
    """The chunk through `infer`, the network loaded before: seconds by the clock and of the processor, detections."""
    chunk = Chunk.load(manifest)
    model = loaded(manifest)
    passes.load_detector = lambda *_: model
    storage.delete(chunk.done_uri)
    return timed(lambda: int(chunk_inference.infer(manifest)["detections"]))


@cache
def loaded(manifest: str) -> tuple[ModelVersion, Detector]:
    started, chunk = time.monotonic(), Chunk.load(manifest)
    version, detector = load_detector(chunk.model_uri, chunk.floor)
    detector.warm_up(max(1, chunk.batch_size // detector.streams))
    print(f"import and load in a process: {time.monotonic() - started:.1f} s", flush=True)
    return version, detector


def one_at_a_time(manifest: str) -> tuple[float, float, int]:
    """Decode with OpenCV, feed the full image, count what is above the threshold: no code of the project's own."""
    chunk, graph = Chunk.load(manifest), exported(manifest)
    paths = [str(storage.local_path(image.uri)) for image in chunk.images]

    def loop() -> int:
        found = 0
        for path in paths:
            image = cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB)
            _, scores, _, count = graph(image[None])
            found += int((scores[0, : int(count[0])] >= np.float32(chunk.floor)).sum())
        return found

    return timed(loop)


@cache
def exported(manifest: str) -> Callable[..., list[np.ndarray]]:
    """The graph, warm."""
    chunk = Chunk.load(manifest)
    graph = as_exported(local_folder(chunk.model_uri))
    graph(cv2.imread(str(storage.local_path(chunk.images[0].uri)))[None])
    return graph


def timed(count: Callable[[], int]) -> tuple[float, float, int]:
    wall, work = time.monotonic(), time.process_time()
    found = count()
    return time.monotonic() - wall, time.process_time() - work, found


if __name__ == "__main__":
    main()

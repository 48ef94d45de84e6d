"""Images a second of one chunk, beside the loop that everyone writes: decode one, feed it to the graph, next.

Both sides run in this process, warm, over the same photographs, in turns; the medians of all rounds are compared. What
is loaded once (TensorFlow, the model) is kept out and shown apart.

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
from pathlib import Path

import cv2
import numpy as np
import photos
from exported import as_exported

from firstpass import storage
from firstpass.chunks import costs, profiles
from firstpass.chunks.manifest import Chunk
from firstpass.images.sources import open_source
from firstpass.inference import run
from firstpass.models import registry


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--images", type=int, default=500)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--model", default="nanodet-coco")
    options.add_argument("--photos", type=Path)
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = photos.make(asked.photos or Path(scratch, "photos"), asked.images)
        measure(folder, Path(scratch), asked.model, asked.rounds)


def measure(folder: Path, scratch: Path, model: str, rounds: int) -> None:
    refs = tuple(open_source(str(folder)).list())
    version = registry.resolve(model)
    uri = registry.version_uri(version)
    batch = costs.batch_size(profiles.network_of(version), profiles.machine("cpu"))
    size = sum(ref.size for ref in refs) / len(refs)
    print(f"{len(refs)} photographs of {size / 1000:.0f} KB, {version.ref}, {os.cpu_count()} cores")

    def chunk(images: tuple, name: str) -> Chunk:
        output = f"{scratch}/results/{name}.parquet"
        return Chunk("bench", 0, version.ref, uri, version.threshold, {}, batch, output, images)

    start_up(chunk(refs[:1], "one"), scratch)

    cold = time.monotonic()
    network = run._load(chunk(refs, "all"), batch)
    print(f"import and load in this process: {time.monotonic() - cold:.1f} s")
    run._load = lambda *_: network  # type: ignore[assignment]
    naive = naive_loop(registry.local_folder(uri), [storage.local_path(r.uri) for r in refs], version.threshold)

    whole = chunk(refs, "all")
    manifest = whole.save(str(scratch))

    def ours() -> int:
        storage.delete(whole.done_uri)
        return int(run.infer(manifest)["detections"])

    sides: dict[str, Callable[[], int]] = {"one at a time": naive, "firstpass infer": ours}
    walls: dict[str, list[float]] = {name: [] for name in sides}
    works: dict[str, list[float]] = {name: [] for name in sides}
    detections: dict[str, int] = {}
    for number in range(rounds):
        for name, side in sides.items():
            wall, work = time.monotonic(), time.process_time()
            detections[name] = side()
            walls[name].append((time.monotonic() - wall) / len(refs))
            works[name].append((time.process_time() - work) / len(refs))
            print(f"  round {number + 1}, {name}: {1 / walls[name][-1]:.1f} images/s", flush=True)
    for name in sides:
        wall, work = statistics.median(walls[name]), statistics.median(works[name])
        print(
            f"{name:>16}: {1 / wall:6.1f} images/s, {1e3 * wall:5.1f} ms an image, {1e3 * work:5.1f} ms of CPU, "
            f"{detections[name]} detections"
        )
    ratio = statistics.median(walls["one at a time"]) / statistics.median(walls["firstpass infer"])
    print(f"firstpass infer is {ratio:.2f} times as fast")


def start_up(chunk: Chunk, scratch: Path) -> None:
    """What a pod pays before its first image: the whole command on one photograph."""
    manifest = chunk.save(str(scratch / "start"))
    started = time.monotonic()
    command = [Path(sys.executable).with_name("firstpass"), "infer", manifest]
    subprocess.run(command, check=True, capture_output=True)
    print(f"start-up of the command: {time.monotonic() - started:.1f} s")


def naive_loop(model: Path, paths: list[Path], threshold: float) -> Callable[[], int]:
    """Decode with OpenCV, feed the full image, count what is above the threshold: no code of the project's own."""
    graph = as_exported(model)

    def loop() -> int:
        found = 0
        for path in paths:
            image = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
            _, scores, _, count = graph(image[None])
            found += int((scores[0, : int(count[0])] >= np.float32(threshold)).sum())
        return found

    graph(cv2.imread(str(paths[0]))[None])
    return loop


if __name__ == "__main__":
    main()

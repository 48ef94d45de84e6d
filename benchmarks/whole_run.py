"""A night of 3,550 photographs of 1280×960 (2 GB) through the real stack, beside the same graph with nothing around it.

The raw side runs the graph alone, in the batches of the night, over photographs that lie in memory: once as exported,
over whole pictures as everybody would run it, and once as Firstpass runs it, rewritten and over pictures that are
resized already. `infer` is what one process does with the files: loading, reading and decoding included. All are of
this machine, in one go, the raw side before and after the night. What the night costs beyond `infer` is orchestration,
listing, hashing, merge, checks and report.

    .venv/bin/python benchmarks/whole_run.py [--images 3550] [--photos FOLDER]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import photos
from apart import apart
from exported import as_exported

from firstpass.chunks import cost_model, profiles
from firstpass.models import kinds, resolution
from firstpass.models.local_copy import local_folder
from firstpass.models.store import version_uri

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from fixtures.real_stack import FIRSTPASS, running_stack

SIDES = ("exported", "rewritten")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--images", type=int, default=3550)
    options.add_argument("--photos", type=Path)
    asked = options.parse_args()
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"  # for the exported graph, too
    with tempfile.TemporaryDirectory(prefix="firstpass-whole-run-") as name:
        scratch = Path(name)
        folder = photos.make(asked.photos or scratch / "photos", asked.images)
        size = sum(path.stat().st_size for path in folder.iterdir()) / 1e9
        print(f"{asked.images} photographs, {size:.2f} GB", flush=True)
        before = [apart(raw, side, folder) for side in SIDES]
        summary, seconds = night(scratch / "home", folder)
        after = [apart(raw, side, folder) for side in SIDES]
    show(summary, seconds, asked.images, [before, after])


def night(home: Path, folder: Path) -> tuple[dict[str, Any], float]:
    """One run of a stack that is up; its summary, and the seconds from asking for it to its end."""
    with running_stack(home) as stack:
        command = [FIRSTPASS, "run", "--images", folder, "--json"]
        started = time.monotonic()
        done = subprocess.run(command, env=stack.environment, check=True, stdout=subprocess.PIPE, text=True)
        return json.loads(done.stdout), time.monotonic() - started


def raw(side: str, folder: Path, count: int = 64) -> float:
    """Images per second of the graph alone: as exported, or as Firstpass runs it.

    Each in a process of its own: TensorFlow's threads belong to the process, and go with it.
    """
    version = resolution.resolve("nanodet-coco")
    model = local_folder(version_uri(version))
    size = cost_model.batch_size(profiles.network_of(version), profiles.machine("cpu"))
    pictures = [cv2.imread(str(path), cv2.IMREAD_COLOR_RGB) for path in sorted(folder.iterdir())[:count]]
    if side == "exported":
        graph = as_exported(model)
        return pace(lambda batch: graph(np.stack(batch)), pictures, size)
    detector = kinds.load(version, model, 0.0)
    prepared = [detector.prepare(picture) for picture in pictures]
    return pace(detector.predict, prepared, size // detector.streams, detector.streams)


def pace(
    predict: Callable[[list[Any]], Any], items: list[Any], size: int, streams: int = 1, seconds: float = 15
) -> float:
    """Items per second in batches of `size`, so many streams of them beside each other, after the first ones."""
    batches = [items[i : i + size] for i in range(0, len(items) - size + 1, size)]
    with ThreadPoolExecutor(streams) as threads:
        list(threads.map(predict, batches[:streams]))
        started, done = time.monotonic(), 0
        while time.monotonic() - started < seconds:
            list(threads.map(predict, batches))
            done += size * len(batches)
    return done / (time.monotonic() - started)


def show(summary: dict[str, Any], seconds: float, images: int, raws: list[list[float]]) -> None:
    """The figures, and what each part of the night took."""
    exported, rewritten = ((before + after) / 2 for before, after in zip(*raws, strict=True))
    whole, infer = images / seconds, images / summary["seconds_per_stage"]["infer"]
    for name, rate in (("graph as exported", exported), ("graph as run here", rewritten), ("inside `infer`", infer)):
        print(f"  {name:17}  {rate:6.2f} images/s; the whole night reaches {whole / rate:.1%} of it")
    print(f"  {'the whole night':17}  {whole:6.2f} images/s")
    print(f"  raw rates before and after: {' and '.join(f'{a:.2f}, {b:.2f}' for a, b in raws)}")
    stages = ", ".join(f"{name} {took:.1f}" for name, took in summary["seconds_per_stage"].items())
    print(f"  {seconds:.1f} s in total; by stage: {stages}; outcomes {summary['outcomes']}")


if __name__ == "__main__":
    main()

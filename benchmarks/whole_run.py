"""A night of 3,550 photographs of 1280×960 (2 GB) through the real stack, beside the same graph with nothing around it.

The raw side runs the graph alone, in the batches of the night, over photographs that lie decoded and resized in memory;
`infer` is what one process does with the files, reading and decoding included. Both are of this machine, in one go, the
raw side before and after the night. What the night costs beyond `infer` is orchestration, listing, hashing, merge,
checks and report.

    .venv/bin/python benchmarks/whole_run.py [--images 3550] [--photos FOLDER]
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import photos

from firstpass.chunks import costs, profiles
from firstpass.models import detectors, registry

ROOT = Path(__file__).resolve().parents[1]
FIRSTPASS = Path(sys.executable).with_name("firstpass")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--images", type=int, default=3550)
    options.add_argument("--photos", type=Path)
    options.add_argument("--raw", action="store_true", help="the graph alone over --photos, and nothing else")
    asked = options.parse_args()
    if asked.raw:
        print(raw(asked.photos))
        return
    with tempfile.TemporaryDirectory(prefix="firstpass-whole-run-") as name:
        scratch = Path(name)
        folder = photos.make(asked.photos or scratch / "photos", asked.images)
        size = sum(path.stat().st_size for path in folder.iterdir()) / 1e9
        print(f"{asked.images} photographs, {size:.2f} GB", flush=True)
        before = raw_in_a_process(folder)
        summary, seconds = night(scratch / "home", folder)
        after = raw_in_a_process(folder)
    show(summary, seconds, asked.images, [before, after])


def night(home: Path, folder: Path) -> tuple[dict[str, Any], float]:
    """One run of a stack that is up; its summary, and the seconds from asking for it to its end."""
    home.mkdir()
    for part in ("dags", "plugins", "docker", "include", "airflow.cfg"):
        (home / part).symlink_to(ROOT / part)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "FIRSTPASS"))}
    env = kept | {"FIRSTPASS_HOME": str(home), "FIRSTPASS_PORT": str(port)}
    try:
        subprocess.run([FIRSTPASS, "up"], env=env, check=True, stdout=subprocess.DEVNULL)
        command = [FIRSTPASS, "run", "--images", folder, "--json"]
        started = time.monotonic()
        done = subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE, text=True)
        return json.loads(done.stdout), time.monotonic() - started
    finally:
        subprocess.run([FIRSTPASS, "down"], env=env, check=True, stdout=subprocess.DEVNULL)


def raw_in_a_process(folder: Path) -> float:
    """`raw` in a process of its own, so that its TensorFlow is gone when the night begins."""
    command = [sys.executable, __file__, "--raw", "--photos", str(folder)]
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split()[-1])


def raw(folder: Path, count: int = 64, seconds: float = 20) -> float:
    """Images a second of the graph alone."""
    version = registry.resolve("nanodet-coco")
    detector = detectors.load(version, registry.local_folder(registry.version_uri(version)))
    size = costs.batch_size(profiles.network_of(version), profiles.machine("cpu"))
    detector.warm_up(size)
    paths = sorted(folder.iterdir())[:count]
    prepared = [detector.prepare(cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)) for path in paths]
    batches = [prepared[i : i + size] for i in range(0, len(prepared) - size + 1, size)]
    started, done = time.monotonic(), 0
    while time.monotonic() - started < seconds:
        for batch in batches:
            detector.predict(batch)
            done += len(batch)
    return done / (time.monotonic() - started)


def show(summary: dict[str, Any], seconds: float, images: int, raws: list[float]) -> None:
    """The figures, and what each part of the night took."""
    raw_rate, whole = sum(raws) / len(raws), images / seconds
    infer = images / summary["seconds_per_stage"]["infer"]
    print(f"  the graph alone  {raw_rate:6.2f} images/s (before {raws[0]:.2f}, after {raws[1]:.2f})")
    print(f"  inside `infer`   {infer:6.2f} images/s, {infer / raw_rate:.1%} of the graph alone")
    print(
        f"  the whole night  {whole:6.2f} images/s, {whole / infer:.1%} of `infer`, {whole / raw_rate:.1%} of the graph"
    )
    stages = ", ".join(f"{name} {took:.1f}" for name, took in summary["seconds_per_stage"].items())
    print(f"  {seconds:.1f} s in all; by stage: {stages}; outcomes {summary['outcomes']}")


if __name__ == "__main__":
    main()

"""Cataloguing and planning a night of one and of ten million new images: seconds and memory, each in a fresh process.

Measured is what the tasks catalogue_images and plan_chunks do without Airflow and the warehouse: a listing, as object
storage gives it (no image is read), becomes <run>/catalogue.parquet, and that becomes chunks, whose manifests are
written to a local folder. Every hundredth image is a copy of an earlier one. Printed last: memory and time of the
largest beside the smallest. The targets are 1 GiB each, and 12 times the time for ten times the images.

    .venv/bin/python benchmarks/catalogue_scale.py [--images 1000000 10000000]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

SHAPES = [(1280, 960), (960, 1280), (1920, 1080), (4000, 3000), (640, 480), (None, None)]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--images", type=int, nargs="+", default=[1_000_000, 10_000_000])
    options.add_argument("--one", help=argparse.SUPPRESS)
    asked = options.parse_args()
    if asked.one:
        getattr(sys.modules[__name__], asked.one)(asked.images[0])
        return
    found: dict[tuple[str, int], dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        environment = os.environ | {"FIRSTPASS_STORAGE": scratch, "FIRSTPASS_MACHINE": "cpu"}
        for images in asked.images:
            for step in ("catalogue", "plan"):
                command = [sys.executable, __file__, "--one", step, "--images", str(images)]
                said = subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True).stdout
                found[step, images] = one = json.loads(said)
                print(
                    f"{step:>9} {images:>10,}: {one['seconds']:7.1f} s ({one['cpu']:.1f} s of CPU), "
                    f"{1e6 * one['seconds'] / images:5.1f} µs per image, peak {one['peak']:.0f} MiB{one['more']}",
                    flush=True,
                )
    least, most = min(asked.images), max(asked.images)
    for step in ("catalogue", "plan"):
        small, large = found[step, least], found[step, most]
        print(
            f"{step:>9}: {most / least:g} times the images take {large['seconds'] / small['seconds']:.1f} times the "
            f"time ({large['cpu'] / small['cpu']:.1f} times the CPU) and {large['peak'] / 1024:.2f} GiB"
        )


def catalogue(images: int) -> None:
    """A listing, as object storage gives it, into <run>/catalogue.parquet."""
    from firstpass.contracts.image_reference import ImageRef
    from firstpass.images import catalogue as catalogues

    def listing() -> Iterator[ImageRef]:
        for i in range(images):
            width, height = SHAPES[i % len(SHAPES)]
            uri = f"s3://photos/2026/{i // 1000:04d}/DSC_{i:08d}.jpg"
            content = i // 2 if i % 100 == 99 else i
            yield ImageRef(uri, 500_000 + content % 99_991, f"{content:032x}", width, height)

    started = clock()
    decided = catalogues.catalogue(spec(images).uri, listing(), known=lambda _: set(), remembered=lambda _: {})
    copies = sum(len(batch) for batch in decided)
    show(started, f", {copies:,} copies")


def plan(images: int) -> None:
    """The task plan_chunks, without Airflow and the warehouse."""
    from firstpass.chunks.planning import plan as make
    from firstpass.images import catalogue_file
    from firstpass.models import resolution

    version = resolution.resolve("nanodet-coco")
    started = clock()
    with catalogue_file.opened(spec(images).uri) as saved:
        uris = make(saved, spec(images), version).save()
    manifests = sum(Path(uri).stat().st_size for uri in uris) / 2**20
    show(started, f", {len(uris)} chunks, {manifests:.0f} MiB of manifests")


def spec(images: int):
    from firstpass.contracts.run_spec import RunSpec
    from firstpass.contracts.thresholds import Thresholds

    run_id, images_uri = f"bench-{images}", "s3://photos/2026"
    return RunSpec(
        run_id, images_uri, "nanodet-coco@1", "/m", Thresholds(0.4), 0.2, 2, False, "local", "2026-01-01"
    )  # fmt: skip


def clock() -> tuple[float, float]:
    """Wall and processor time."""
    return time.monotonic(), time.process_time()


def show(started: tuple[float, float], more: str) -> None:
    """What it took since, as JSON for the process that asked."""
    wall, cpu = (now - then for now, then in zip(clock(), started, strict=True))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": wall, "cpu": cpu, "peak": peak, "more": more}))


if __name__ == "__main__":
    main()

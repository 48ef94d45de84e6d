"""Planning a night of 10,000, 100,000 and 1,000,000 images: seconds and memory, each in a fresh process.

Measured is what the task plan_chunks does: the catalogue is read from storage, chunks are made and their manifests
written, here to a local folder. Cataloguing the listing (no image is read) is shown beside it.

    .venv/bin/python benchmarks/planning.py [--images 10000 100000 1000000]
"""

from __future__ import annotations

import argparse
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
    options.add_argument("--images", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    options.add_argument("--one", help=argparse.SUPPRESS)
    asked = options.parse_args()
    if asked.one:
        getattr(sys.modules[__name__], asked.one)(asked.images[0])
        return
    with tempfile.TemporaryDirectory() as scratch:
        environment = os.environ | {"FIRSTPASS_STORAGE": scratch, "FIRSTPASS_MACHINE": "cpu"}
        for images in asked.images:
            for step in ("catalogue", "plan"):
                command = [sys.executable, __file__, "--one", step, "--images", str(images)]
                subprocess.run(command, check=True, env=environment)


def catalogue(images: int) -> None:
    """A listing, as object storage gives it, into <run>/catalogue.parquet."""
    from firstpass.contracts.image_reference import ImageRef
    from firstpass.images import catalogue as catalogues

    def listing() -> Iterator[ImageRef]:
        for i in range(images):
            width, height = SHAPES[i % len(SHAPES)]
            uri = f"s3://photos/2026/{i // 1000:04d}/DSC_{i:08d}.jpg"
            yield ImageRef(uri, 500_000 + i % 99_991, f"{i:032x}", width, height)

    clock = Clock()
    table = catalogues.catalogue(listing(), known=lambda _: set(), remembered=lambda _: {})
    catalogues.save(table, spec(images).uri)
    clock.show("catalogue", images)


def plan(images: int) -> None:
    """The task plan_chunks, without Airflow and the warehouse."""
    from firstpass.chunks.planning import plan as make
    from firstpass.images import catalogue as catalogues
    from firstpass.models import resolution

    version = resolution.resolve("nanodet-coco")
    clock = Clock()
    planned = make(catalogues.load(spec(images).uri), spec(images), version)
    uris = planned.save()
    clock.stop()
    manifests = sum(Path(uri).stat().st_size for uri in uris) / 2**20
    clock.show("plan", images, f", {len(uris)} chunks, {manifests:.0f} MiB of manifests")


def spec(images: int):
    from firstpass.contracts.run_spec import RunSpec
    from firstpass.contracts.thresholds import Thresholds

    return RunSpec(
        f"bench-{images}",
        "s3://photos/2026",
        "nanodet-coco@1",
        "/m",
        Thresholds(0.4),
        0.2,
        2,
        False,
        "local",
        "2026-01-01",
    )


class Clock:
    """Wall and processor time since it was made, until it is stopped or shown."""

    def __init__(self) -> None:
        self.started = time.monotonic(), time.process_time()
        self.taken: tuple[float, float] | None = None

    def stop(self) -> tuple[float, float]:
        self.taken = self.taken or (time.monotonic() - self.started[0], time.process_time() - self.started[1])
        return self.taken

    def show(self, step: str, images: int, more: str = "") -> None:
        wall, work = self.stop()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        each = 1e6 * wall / images
        print(
            f"{step:>9} {images:>9,}: {wall:6.2f} s ({work:.2f} s of CPU), {each:5.1f} µs per image, "
            f"peak {peak:.0f} MiB{more}",
            flush=True,
        )


if __name__ == "__main__":
    main()

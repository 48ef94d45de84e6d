"""What a chunk holds at its peak when its images are as large as they may be.

    .venv/bin/python benchmarks/chunk_memory.py [--threads 2 8] [--model nanodet-coco]

Three chunks for each number of decoding threads: ordinary photographs, photographs of 24 megapixels, and pictures of
several kinds that each need nearly FIRSTPASS_MAX_IMAGE_MEMORY. Each runs in a process of its own, like `firstpass
infer`; what is counted is its peak of resident memory.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

import numpy as np
import photos
from apart import apart
from PIL import Image

from firstpass.chunks import cost_model, profiles
from firstpass.contracts.chunk_manifest import Chunk
from firstpass.images.sources import list_images
from firstpass.inference import chunk_inference
from firstpass.models import resolution
from firstpass.models.kinds import kind_of
from firstpass.models.store import version_uri
from firstpass.settings import settings


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--threads", type=int, nargs="+", default=[2, 8])
    options.add_argument("--model", default="nanodet-coco")
    asked = options.parse_args()
    print(f"FIRSTPASS_MAX_IMAGE_MEMORY={settings().max_image_memory:,}, {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as scratch:
        folders = {
            "200 photographs of 1280×960": photos.make(Path(scratch, "small"), 200),
            "24 photographs of 6000×4000": photos.make(Path(scratch, "large"), 24, 6000, 4000),
            "8 pictures at the limit": apart(at_the_limit, Path(scratch, "limit")),
        }
        for threads in asked.threads:
            for name, folder in folders.items():
                peak, outcomes = apart(measure, folder, Path(scratch, "chunk"), asked.model, threads)
                print(f"{threads:3} threads, {name:28} {peak / 2**30:5.2f} GiB  {outcomes}", flush=True)


def measure(folder: Path, scratch: Path, model: str, threads: int) -> tuple[int, dict[str, int]]:
    """Peak of resident memory in bytes, and how the images ended."""
    os.environ["FIRSTPASS_THREADS"] = str(threads)
    settings.cache_clear()
    version = resolution.resolve(model)
    size = cost_model.batch_size(profiles.network_of(version), profiles.machine("cpu"))
    output = f"{scratch}/{folder.name}-{threads}.parquet"
    uri, revision = version_uri(version), kind_of(version.kind).revision
    refs = tuple(list_images(str(folder)))
    chunk = Chunk("bench", 0, version.ref, uri, version.threshold, revision, size, output, refs)
    marker = chunk_inference.infer(chunk.save(f"{scratch}/{folder.name}-{threads}"))
    return peak(), marker["outcomes"]


def at_the_limit(folder: Path) -> Path:
    """JPEG, PNG and WebP, two to three of each, that need as much as is allowed."""
    folder.mkdir()
    for number, (suffix, a_pixel, most) in enumerate([("jpg", 6, 65_500), ("png", 7, 2**31), ("webp", 17, 16_383)] * 3):
        side = min(int((settings().max_image_memory / a_pixel) ** 0.5), most)
        if number < 8:
            rows = np.linspace(0, 255, side).astype(np.uint8)[:, None].repeat(side, axis=1)
            options = {"jpg": {"quality": 50}, "png": {"compress_level": 1}, "webp": {"method": 0, "quality": 10}}
            rows[: number + 1] = number
            Image.fromarray(rows).convert("RGB").save(folder / f"{number}.{suffix}", **options[suffix])
    return folder


def peak() -> int:
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) * 1024


if __name__ == "__main__":
    main()

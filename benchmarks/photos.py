"""Photographs to measure with: made from the samples with mild noise, the same ones each time."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

SAMPLES = Path(__file__).resolve().parents[1] / "include" / "samples"


def make(folder: Path, count: int, width: int = 1280, height: int = 960, quality: int = 95) -> Path:
    """`count` JPEG photographs, about 600 KB each at 1280×960, each with noise of its own; those there are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    sources = [
        cv2.resize(cv2.imread(str(path)), (width, height), interpolation=cv2.INTER_CUBIC).astype(np.float32)
        for path in sorted([*SAMPLES.glob("*.png"), *SAMPLES.glob("*.jpg")])
    ]
    for index in range(count):
        path = folder / f"{index:05d}.jpg"
        if not path.exists():
            noise = np.random.default_rng(index).standard_normal((height, width, 3), np.float32)
            noisy = np.clip(sources[index % len(sources)] + 8 * noise, 0, 255).astype(np.uint8)
            path.write_bytes(cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes())
    return folder

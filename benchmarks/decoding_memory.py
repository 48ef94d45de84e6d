"""What decoding takes at its peak, beside what `decoding_memory.needed` says from the header alone.

    .venv/bin/python benchmarks/decoding_memory.py [--side 6000]

Each kind of file is decoded in a process of its own that has decoded a small one before; what is counted is resident
memory above that, the file's own bytes left out. Ends with 1 where a kind takes more than it is said to need.
"""

from __future__ import annotations

import argparse
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
from apart import apart
from PIL import Image

from firstpass.images.decoding import decode
from firstpass.images.decoding_memory import needed

ASIDE = 32 * 2**20  # bytes that do not grow with the picture: a band of it, tables of libraries

KINDS: tuple[tuple[str, str, str, dict[str, object]], ...] = (
    ("JPEG", "RGB", "JPEG", {}),
    ("JPEG, grey", "L", "JPEG", {}),
    ("JPEG, progressive", "RGB", "JPEG", {"progressive": True}),
    ("JPEG, progressive, 4:4:4", "RGB", "JPEG", {"progressive": True, "subsampling": 0}),
    ("JPEG, CMYK", "CMYK", "JPEG", {}),
    ("JPEG, CMYK, progressive", "CMYK", "JPEG", {"progressive": True}),
    ("PNG", "RGB", "PNG", {"compress_level": 1}),
    ("PNG, alpha", "RGBA", "PNG", {"compress_level": 1}),
    ("PNG, grey", "L", "PNG", {"compress_level": 1}),
    ("PNG, palette", "P", "PNG", {"compress_level": 1}),
    ("PNG, 16 bits grey", "I;16", "PNG", {"compress_level": 1}),
    ("GIF", "P", "GIF", {}),
    ("WebP", "RGB", "WEBP", {"method": 0}),
    ("WebP, alpha, lossless", "RGBA", "WEBP", {"method": 0, "lossless": True}),
    ("AVIF", "RGB", "AVIF", {"speed": 10}),
    ("AVIF, alpha", "RGBA", "AVIF", {"speed": 10}),
    ("BMP", "RGB", "BMP", {}),
    ("PPM", "RGB", "PPM", {}),
    ("TIFF", "RGB", "TIFF", {}),
    ("TIFF, LZW in strips", "RGB", "TIFF", {"compression": "tiff_lzw"}),
    ("TIFF, LZW in one strip", "RGB", "TIFF", {"compression": "tiff_lzw", "strip_size": 2**30}),
    ("TIFF, CMYK, deflate", "CMYK", "TIFF", {"compression": "tiff_adobe_deflate"}),
)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--side", type=int, default=6000, help="width and height of the pictures")
    side = options.parse_args().side
    print(f"{side}×{side} pixels; bytes per pixel")
    print(f"{'':28}{'said':>8}{'taken':>8}")
    over = 0
    for name, mode, form, more in KINDS:
        said, taken = apart(measure, mode, form, more, side)
        over += taken > said + ASIDE
        print(f"{name:28}{said / side**2:8.2f}{taken / side**2:8.2f}{'  more than said' * (taken > said + ASIDE)}")
    sys.exit(1 if over else 0)


def measure(mode: str, form: str, more: dict[str, object], side: int) -> tuple[int, int]:
    """Bytes said to be needed, and taken."""
    decode(encoded(mode, form, more, 64))
    data = apart(encoded, mode, form, more, side)
    with Image.open(BytesIO(data)) as image:
        said = needed(image)
    Path("/proc/self/clear_refs").write_text("5")  # sets the peak back to what is resident now
    before = status("VmRSS")
    decode(data)
    return said, status("VmHWM") - before


def encoded(mode: str, form: str, more: dict[str, object], side: int) -> bytes:
    """A file with some detail and some noise in it."""
    noise = np.random.default_rng(0).integers(0, 40, side, np.uint8)
    buffer = BytesIO()
    Image.fromarray(np.linspace(0, 200, side).astype(np.uint8)[:, None] + noise).convert(mode).save(
        buffer, form, **more
    )
    return buffer.getvalue()


def status(name: str) -> int:
    return int(Path("/proc/self/status").read_text().split(f"{name}:")[1].split()[0]) * 1024


if __name__ == "__main__":
    main()

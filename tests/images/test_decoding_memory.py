"""What decoding needs, by the header, is what it takes; and what needs too much is not decoded."""

from __future__ import annotations

import subprocess
import sys
from io import BytesIO

import pytest
from PIL import Image

from firstpass.contracts.image_source import UnreadableImage
from firstpass.images.decoding import decode, probe
from firstpass.images.decoding_memory import needed
from firstpass.settings import settings

SIDE = 3000
ASIDE = 20 * 2**20  # bytes that do not depend on the picture: a band, Pillow's blocks, libraries' tables

_MEASURE = """
import sys
from pathlib import Path
from firstpass.images.decoding import decode
def said(name):
    text = Path("/proc/self/status").read_text()
    return int(text.split(name + ":")[1].split()[0]) * 1024
data = sys.stdin.buffer.read()
decode(Path(sys.argv[1]).read_bytes())
Path("/proc/self/clear_refs").write_text("5")
before = said("VmRSS")
decode(data)
print(said("VmHWM") - before)
"""


def encoded(mode: str, form: str, size=(SIDE, SIDE), **options) -> bytes:
    image = Image.linear_gradient("L").resize(size)
    buffer = BytesIO()
    image.convert(mode).save(buffer, form, **options)
    return buffer.getvalue()


def need(data: bytes) -> int:
    with Image.open(BytesIO(data)) as image:
        return needed(image)


@pytest.mark.parametrize(
    ("mode", "form", "options"),
    [
        ("RGB", "JPEG", {}),
        ("RGB", "JPEG", {"progressive": True, "subsampling": 0}),
        ("CMYK", "JPEG", {}),
        ("RGB", "PNG", {"compress_level": 1}),
        ("L", "PNG", {"compress_level": 1}),
        ("RGB", "WEBP", {"method": 0}),
        ("RGBA", "AVIF", {"speed": 10}),
        ("RGB", "TIFF", {"compression": "tiff_lzw", "strip_size": 2**30}),
    ],
)
def test_what_it_needs_is_what_it_takes(mode, form, options, tmp_path):
    (tmp_path / "small").write_bytes(encoded(mode, form, (64, 64), **options))
    data = encoded(mode, form, **options)
    ended = subprocess.run(
        [sys.executable, "-c", _MEASURE, str(tmp_path / "small")], input=data, capture_output=True, check=True
    )
    assert int(ended.stdout) <= need(data) + ASIDE


@pytest.mark.parametrize(
    ("mode", "form", "options", "bytes_a_pixel"),
    [
        ("RGB", "JPEG", {}, 6),
        ("L", "JPEG", {}, 6),
        ("RGB", "JPEG", {"progressive": True}, 6),
        ("RGB", "JPEG", {"progressive": True, "subsampling": 0}, 9),
        ("CMYK", "JPEG", {}, 7),
        ("RGB", "PNG", {}, 7),
        ("P", "PNG", {}, 4),
        ("RGB", "WEBP", {}, 17),
        ("RGB", "AVIF", {}, 16),
        ("RGB", "TIFF", {}, 7),
        ("L", "BMP", {}, 4),
    ],
)
def test_bytes_a_pixel(mode, form, options, bytes_a_pixel):
    assert need(encoded(mode, form, (50, 40), **options)) == bytes_a_pixel * 50 * 40


_SHORT = """
import resource, sys
from firstpass.contracts.image_source import UnreadableImage
from firstpass.images.decoding import decode
data = sys.stdin.buffer.read()
there = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (there + 40 * 2**20, resource.RLIM_INFINITY))
try:
    decode(data)
except UnreadableImage as error:
    print(error)
"""


@pytest.mark.parametrize(("form", "options"), [("JPEG", {}), ("PNG", {"compress_level": 1})])
def test_less_memory_than_it_needs_is_said(form, options):
    data = encoded("RGB", form, (5000, 5000), **options)
    ended = subprocess.run([sys.executable, "-c", _SHORT], input=data, capture_output=True, check=True)
    assert ended.stdout.decode() == "needs more memory than there is to decode (5000×5000 pixels)\n"


@pytest.mark.parametrize("room", [0, -1])
def test_the_limit_counts_bytes_not_pixels(room, monkeypatch):
    data = encoded("RGB", "PNG", (50, 40))
    monkeypatch.setenv("FIRSTPASS_MAX_IMAGE_MEMORY", str(7 * 50 * 40 + room))
    settings.cache_clear()
    try:
        if room == 0:
            assert decode(data).shape == (40, 50, 3)
        for read in (probe, decode) if room else ():
            with pytest.raises(UnreadableImage, match="is too large: 50×40 pixels need 0 MiB of memory to decode"):
                read(data)
    finally:
        settings.cache_clear()

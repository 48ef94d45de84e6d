"""Pictures to annotate: cut out of the samples, no two alike, and files that only look like pictures."""

from __future__ import annotations

import random
from functools import lru_cache
from hashlib import sha256
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageEnhance

from night_storm.killer import MARK
from night_storm.places import ROOT

SAMPLES = sorted(path for path in (ROOT / "include" / "samples").iterdir() if path.suffix in {".png", ".jpg"})
SIZES = ((320, 240), (480, 360), (400, 400))


def photograph(dice: random.Random, deadly: bool = False) -> bytes:
    """A part of a sample, lighter or darker, as JPEG or PNG. deadly: one that kills the process that runs `killer`."""
    sample = _sample(dice.choice(SAMPLES))
    share = dice.uniform(0.7, 1.0)
    width, height = int(sample.width * share), int(sample.height * share)
    left, top = dice.randint(0, sample.width - width), dice.randint(0, sample.height - height)
    picture = sample.crop((left, top, left + width, top + height)).resize(dice.choice(SIZES))
    picture = ImageEnhance.Brightness(picture).enhance(dice.uniform(0.8, 1.2))
    out = BytesIO()
    if deadly:
        picture.paste(tuple(MARK.tolist()), (0, 0, 4, 4))
    if deadly or dice.random() < 0.2:
        picture.save(out, "PNG")
    else:
        picture.save(out, "JPEG", quality=dice.randint(80, 95))
    return out.getvalue()


def no_picture(dice: random.Random) -> bytes:
    """What stands in a file of that name instead of a picture."""
    return dice.choice(
        [b"", b"<html>moved</html>" + dice.randbytes(4), dice.randbytes(dice.randint(1, 4000)), b"\xff\xd8\xff\xe0"]
    )


def keep(data: bytes, folder: Path) -> str:
    """Store a content under its hash; returns the hash."""
    name = sha256(data).hexdigest()
    if not (folder / name).exists():
        (folder / f".{name}").write_bytes(data)
        (folder / f".{name}").replace(folder / name)
    return name


@lru_cache(maxsize=16)
def _sample(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("RGB")

"""Bytes → pixels: every format that photographs are kept in, bounded, and damaged files told from good ones."""

from __future__ import annotations

import warnings
from io import BytesIO
from typing import BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from firstpass.contracts.image_source import NEEDS_MEMORY, UnreadableImage
from firstpass.settings import settings

# Only these decoders see foreign bytes. JPEG covers MPO (several pictures in a file, the first is taken).
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "DIB", "TIFF", "PPM", "AVIF")

REVISION = 1
"""Raised when images decode that did not before: those that were refused are then tried again."""

# The limit of this module, checked on the header, takes the place of Pillow's, which stops at 89 or 179 megapixels.
Image.MAX_IMAGE_PIXELS = None
warnings.filterwarnings(
    "ignore", category=UserWarning, module=r"PIL\."
)  # odd metadata is none of a night log's business

_ORIENTATION = 0x0112  # EXIF's tag
_PNG_METADATA = (b"eXIf", b"Raw profile type", b"XML:com.adobe.xmp")  # what it may be in
_JPEG = {"JPEG", "MPO"}
_SIXTEEN_BIT = {"I;16", "I;16L", "I;16B", "I;16N"}


def probe(source: bytes | BinaryIO) -> tuple[int, int]:
    """Width and height in stored pixels, from the header alone: nothing is decoded.

    Raises UnreadableImage for what is no image, or one larger than the setting max_image_pixels.
    """
    with _open(source) as image:
        return image.size


def orientation(data: bytes) -> int:
    """The EXIF orientation, 1 (as stored) to 8, of what `decode` makes of `data`; 1 where there is none to be read.

    Raises UnreadableImage as `probe` does.
    """
    with _open(data) as image:
        if image.format == "TIFF":  # Pillow turns these itself
            return 1
        if image.format == "PNG" and not any(keyword in data for keyword in _PNG_METADATA):
            return 1  # looking for it takes as long as decoding: it may stand at the end
        try:
            found = image.getexif().get(_ORIENTATION, 1)
        except Exception:  # metadata may hold anything; the picture is good without
            return 1
    return int(found) if found in range(1, 9) else 1


def decode(data: bytes, upright: bool = False) -> NDArray[np.uint8]:
    """RGB uint8 [height, width, 3] of the image that `data` holds.

    The pixels are the stored ones: an EXIF orientation is not applied, but for TIFF's, and detections are in these
    coordinates, unless `upright` asks for the picture as a viewer turns it. Greyscale is repeated over the channels;
    alpha and palette transparency are dropped, which leaves the colours stored under them (no background is blended
    in); 16 bits a channel become 8 by their high byte, over the full range of the type and not stretched; CMYK is
    converted without its colour profile; of several frames or pages the first is taken.

    Raises UnreadableImage for anything that does not decode to its end. Damage that leaves a complete picture (wrong
    colours from a flipped bit in a JPEG, say) is not noticed.
    """
    with _open(data) as image:
        if image.format in _JPEG and image.mode in {"L", "RGB"}:
            pixels = _decode_jpeg(data, upright)
            if pixels is not None:
                return pixels
        try:
            return _decode_slowly(image, upright)
        except UnreadableImage:
            raise
        except MemoryError as error:
            raise UnreadableImage(f"{NEEDS_MEMORY} to decode ({_size(image)})") from error
        except Exception as error:  # decoders raise anything on damaged bytes
            raise UnreadableImage(f"is damaged or cut short: {error}") from error


def _open(source: bytes | BinaryIO) -> Image.Image:
    """The header, read by one of the FORMATS and checked against the limit."""
    if isinstance(source, bytes):
        if not source:
            raise UnreadableImage("is empty (0 bytes)")
        source = BytesIO(source)
    try:
        image = Image.open(source, formats=FORMATS)
    except Exception as error:
        source.seek(0)
        raise UnreadableImage(_no_image(source.read(16))) from error
    limit = settings().max_image_pixels
    if image.width * image.height > limit:
        raise UnreadableImage(f"is too large: {_size(image)}, more than FIRSTPASS_MAX_IMAGE_PIXELS={limit}")
    return image


def _no_image(head: bytes) -> str:
    if not head:
        return "is empty (0 bytes)"
    if head[4:12] in {b"ftypheic", b"ftypheix", b"ftypmif1", b"ftyphevc"}:
        return "is a HEIC photograph, which is not supported: convert it to JPEG"
    return f"is not an image of a known format, or its header is damaged (it starts with {head[:8]!r})"


def _decode_jpeg(data: bytes, upright: bool) -> NDArray[np.uint8] | None:
    """The fast way; None when OpenCV refuses, which it does for a file cut short: the slow way then says why."""
    flags = cv2.IMREAD_COLOR_RGB | (0 if upright else cv2.IMREAD_IGNORE_ORIENTATION)
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        return None
    return None if pixels is None else pixels.astype(np.uint8, copy=False)


def _decode_slowly(image: Image.Image, upright: bool) -> NDArray[np.uint8]:
    image.load()  # raises for truncated files
    if upright:
        ImageOps.exif_transpose(image, in_place=True)
    if image.mode in _SIXTEEN_BIT or (image.mode == "I" and image.format in {"PNG", "PPM"}):
        grey = (np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8)
        return np.repeat(grey[:, :, None], 3, axis=2)
    if image.mode in {"F", "I"}:
        raise UnreadableImage("has 32 bits a pixel, whose range is not known: convert it to 8 or 16 bits")
    image.info.pop("transparency", None)
    return np.asarray(image.convert("RGB"))


def _size(image: Image.Image) -> str:
    return f"{image.width}×{image.height} pixels"

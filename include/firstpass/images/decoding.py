"""Bytes → pixels: every format that photographs are kept in, bounded, and damaged files told from good ones."""

from __future__ import annotations

import warnings
import zlib
from functools import partial
from io import BytesIO
from typing import BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from firstpass.contracts.image_source import NEEDS_MEMORY, UnreadableImage
from firstpass.images import decoding_memory
from firstpass.images.foreign_files import HEAD, what_it_is
from firstpass.images.whole_pictures import check_png, check_tiff, decoded_again, doubtful

# Only these decoders see foreign bytes. JPEG covers MPO (several pictures in a file, the first is taken).
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "DIB", "TIFF", "PPM", "AVIF")

REVISION = 1
"""Raised when images decode that did not before: those that were refused are then tried again."""

# The limit on memory, checked on the header, takes the place of Pillow's, which stops at 89 or 179 megapixels.
Image.MAX_IMAGE_PIXELS = None
warnings.filterwarnings(
    "ignore", category=UserWarning, module=r"PIL\."
)  # odd metadata is none of a night log's business

_ORIENTATION = 0x0112  # EXIF's tag
_PNG_METADATA = (b"eXIf", b"Raw profile type", b"XML:com.adobe.xmp")  # what it may be in
_JPEG = {"JPEG", "MPO"}
_BAND = 2**20  # pixels that are converted at a time
_SIXTEEN_BIT = {"I;16", "I;16L", "I;16B", "I;16N"}


def probe(source: bytes | BinaryIO) -> tuple[int, int]:
    """Width and height in stored pixels, from the header alone: nothing is decoded.

    Raises UnreadableImage for what is no image, or one that decoding needs more memory for than the setting
    max_image_memory allows.
    """
    with _open(source) as image:
        return image.size


def memory_needed(data: bytes) -> int:
    """Bytes that `decode` takes at its peak, the decoded picture included, from the header alone.

    Raises UnreadableImage as `probe` does.
    """
    with _open(data) as image:
        return decoding_memory.needed(image)


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

    Raises UnreadableImage for anything that does not decode to its end, rows or strips that are missing included.
    Damage that leaves a complete picture (wrong colours from a flipped bit in a JPEG, say) is not noticed. Takes the
    memory that `decoding_memory.needed` says, and with `upright` another copy of the picture.
    """
    with _open(data) as image:
        try:
            if image.format in _JPEG and image.mode in {"L", "RGB"}:
                pixels = _decode_jpeg(data, upright)
                if pixels is not None:
                    return pixels
            return _decode_slowly(image, data, upright)
        except UnreadableImage:
            raise
        except MemoryError as error:
            raise UnreadableImage(f"{NEEDS_MEMORY} to decode ({_size(image)})") from error
        except Exception as error:  # decoders raise anything on damaged bytes
            raise UnreadableImage(f"is damaged or cut short: {error}") from error


def _open(source: bytes | BinaryIO) -> Image.Image:
    """The header, read by one of the FORMATS and checked against the limit."""
    if isinstance(source, bytes):
        source = BytesIO(source)
    try:
        image = Image.open(source, formats=FORMATS)
    except Exception as error:
        source.seek(0)
        raise UnreadableImage(what_it_is(source.read(HEAD))) from error
    try:
        decoding_memory.check(image)
    except (TypeError, ValueError) as error:  # a TIFF's tags may hold anything
        raise UnreadableImage(f"is damaged: {error}") from error
    return image


def _decode_jpeg(data: bytes, upright: bool) -> NDArray[np.uint8] | None:
    """The fast way; None when OpenCV refuses, which it does for a file cut short: the slow way then says why."""
    pixels = _opencv(data, upright)
    if pixels is None or not doubtful(data, pixels):
        return pixels
    seen = zlib.crc32(pixels.data)
    del pixels
    return decoded_again(data, seen, partial(_opencv, upright=upright))


def _opencv(data: bytes, upright: bool) -> NDArray[np.uint8] | None:
    flags = cv2.IMREAD_COLOR_RGB | (0 if upright else cv2.IMREAD_IGNORE_ORIENTATION)
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        return None
    return None if pixels is None else pixels.astype(np.uint8, copy=False)


def _decode_slowly(image: Image.Image, data: bytes, upright: bool) -> NDArray[np.uint8]:
    if image.format == "TIFF":
        check_tiff(image)
    image.load()  # raises for truncated files
    if image.format == "PNG":
        check_png(data, image)
    if upright:
        ImageOps.exif_transpose(image, in_place=True)
    if image.mode in {"F", "I"} and not _is_sixteen_bit(image):
        raise UnreadableImage("has 32 bits a pixel, whose range is not known: convert it to 8 or 16 bits")
    image.info.pop("transparency", None)
    pixels = _rgb(image)
    if image.format in _JPEG:  # that is CMYK, or one that OpenCV refuses
        seen = zlib.crc32(pixels.data)
        del pixels
        image.close()
        pixels = decoded_again(data, seen, partial(_pillow, upright=upright))
    return pixels


def _pillow(data: bytes, upright: bool) -> NDArray[np.uint8]:
    with Image.open(BytesIO(data), formats=FORMATS) as image:
        image.load()
        if upright:
            ImageOps.exif_transpose(image, in_place=True)
        return _rgb(image)


def _rgb(image: Image.Image) -> NDArray[np.uint8]:
    """In bands, so that there is never a whole copy in between."""
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    rows = max(1, _BAND // image.width)
    for top in range(0, image.height, rows):
        band = image.crop((0, top, image.width, min(top + rows, image.height)))
        pixels[top : top + rows] = _high_byte(band) if _is_sixteen_bit(image) else np.asarray(band.convert("RGB"))
    return pixels


def _is_sixteen_bit(image: Image.Image) -> bool:
    return image.mode in _SIXTEEN_BIT or (image.mode == "I" and image.format in {"PNG", "PPM"})


def _high_byte(band: Image.Image) -> NDArray[np.uint8]:
    return (np.asarray(band).astype(np.uint32) >> 8).astype(np.uint8)[:, :, None]


def _size(image: Image.Image) -> str:
    return f"{image.width}×{image.height} pixels"

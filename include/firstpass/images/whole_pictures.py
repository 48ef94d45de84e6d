"""Whether a whole picture came out of a file: decoders fill what is missing with grey, black or nothing, in silence."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from firstpass.contracts.image_source import UnreadableImage
from firstpass.images import jpeg_markers

_PART_MISSING = "is damaged or cut short: a part of its picture is missing"
_FILL = 128  # what libjpeg decodes missing data to, in each channel
_ZEROS = bytes(64)  # what ends a file whose copying broke off, and hardly any other
_BLOCK = 8  # pixels: a JPEG consists of blocks of this side
_PIECE = 2**16  # bytes that are inflated at a time


def doubtful(data: bytes, pixels: NDArray[np.uint8]) -> bool:
    """Whether `pixels`, as decoded from the JPEG `data`, may be filled up in part. Costs next to nothing.

    So it may where the file ends in zeros, and where blocks are exactly mid-grey: the last one, from which on all is
    missing, or any two neighbours where decoding may recover.

    Raises UnreadableImage where whole scans are missing.
    """
    layout = jpeg_markers.layout(data)
    if layout.several_scans and jpeg_markers.with_filler(data) is None:
        raise UnreadableImage(_PART_MISSING)
    if data.endswith(_ZEROS) or (pixels[-1, -1] == _FILL).all():
        return True
    return (layout.restarts or layout.several_scans) and _neighbours_filled(pixels)


def decoded_again(
    data: bytes, pixels_crc: int, decode: Callable[[bytes], NDArray[np.uint8] | None]
) -> NDArray[np.uint8]:
    """The pixels of the JPEG `data`, decoded with a filler where its data ends.

    The filler alters only what nothing was there for.

    pixels_crc: CRC-32 of the pixels as `decode` gave them without one: so that no two copies need be held.

    Raises UnreadableImage where the two differ: scan lines, or restart intervals, are missing from `data`.
    """
    longer = jpeg_markers.with_filler(data)
    pixels = decode(longer) if longer is not None else None
    if pixels is None or zlib.crc32(pixels.data) != pixels_crc:
        raise UnreadableImage(_PART_MISSING)
    return pixels


def _neighbours_filled(pixels: NDArray[np.uint8]) -> bool:
    """Whether two blocks side by side are grey where it is looked at, as filled ones are."""
    height, width = pixels.shape[:2]
    grey = pixels[::_BLOCK, ::_BLOCK, 1] == _FILL
    pairs = grey[:, 1:] & grey[:, :-1]
    if not pairs.any():
        return False
    rows, columns = (_BLOCK * places for places in np.nonzero(pairs))
    inside = np.minimum(rows + _BLOCK // 2, height - 1), np.minimum(columns + 3 * _BLOCK // 2, width - 1)
    return bool(((pixels[rows, columns] == _FILL) & (pixels[inside] == _FILL)).all(axis=1).any())


def check_png(data: bytes, image: Image.Image) -> None:
    """Raises UnreadableImage for a PNG, decoded as `image`, with fewer rows than its header says, or altered data.

    Its rows are counted, by inflating them once more in the memory of one, only where some may be missing: where the
    last one is all zeros, as missing ones are, and in an interlaced picture, whose last pass fills every other row.
    """
    stream = _png_data(data)
    last = image.crop((0, image.height - 1, image.width, image.height))
    if not image.info.get("interlace") and last.getbbox(alpha_only=False) is not None:
        return
    if _inflated(stream, expected := _png_bytes(data)) < expected:
        raise UnreadableImage("is damaged or cut short: rows of its picture are missing")


def _png_bytes(data: bytes) -> int:
    """Bytes that the picture's rows come to, by its header."""
    width, height = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))
    depth, colour, interlaced = data[24], data[25], data[28]
    bits = depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    passes = [(0, 0, 1, 1)]
    if interlaced:
        passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    total = 0
    for left, top, across, down in passes:
        columns, rows = len(range(left, width, across)), len(range(top, height, down))
        total += rows * (1 + (columns * bits + 7) // 8) if columns else 0
    return total


def _inflated(parts: Sequence[memoryview], enough: int) -> int:
    """Bytes that the compressed `parts` inflate to, counted up to `enough` or a little more."""
    stream, count = zlib.decompressobj(), 0
    for part in parts:
        for at in range(0, len(part), _PIECE):
            rest: bytes | memoryview = part[at : at + _PIECE]
            while rest and count < enough and not stream.eof:
                count += len(stream.decompress(rest, 2**20))
                rest = stream.unconsumed_tail
    return count


def _png_data(data: bytes) -> list[memoryview]:
    """The bodies of the IDAT chunks. Raises UnreadableImage where a checksum does not hold."""
    view, at, bodies = memoryview(data), 8, []
    while at + 8 <= len(data) and (kind := data[at + 4 : at + 8]) != b"IEND":
        end = at + 8 + int.from_bytes(data[at : at + 4], "big")
        if kind == b"IDAT":
            if zlib.crc32(view[at + 4 : end]) != int.from_bytes(view[end : end + 4], "big"):
                raise UnreadableImage("is damaged: a checksum of its picture does not hold")
            bodies.append(view[at + 8 : end])
        at = end + 4
    return bodies


def check_tiff(image: Image.Image) -> None:
    """Raises UnreadableImage for a TIFF, not yet decoded, of whose strips or tiles some are missing or too short."""
    tags = image.tag_v2  # type: ignore[attr-defined]
    tiled = _Tiff.TILE_OFFSETS in tags
    offsets = _numbers(tags.get(_Tiff.TILE_OFFSETS if tiled else _Tiff.STRIP_OFFSETS))
    counts = _numbers(tags.get(_Tiff.TILE_BYTES if tiled else _Tiff.STRIP_BYTES))
    depths = _numbers(tags.get(_Tiff.BITS, 1))
    width, height = int(tags[_Tiff.WIDTH]), int(tags[_Tiff.HEIGHT])  # as stored: Pillow's are upright
    if tiled:
        across, down = int(tags[_Tiff.TILE_WIDTH]), int(tags[_Tiff.TILE_HEIGHT])
    else:
        across, down = width, min(int(tags.get(_Tiff.STRIP_ROWS, height)), height)
    apart = tags.get(_Tiff.PLANES) == 2
    a_plane = -(-width // max(across, 1)) * -(-height // max(down, 1))
    pieces = a_plane * (max(len(depths), int(tags.get(_Tiff.SAMPLES, 1))) if apart else 1)
    missing = pieces - len(offsets) + sum(offset == 0 for offset in offsets)
    if len(offsets) == pieces == 1:
        return  # whether it is whole, Pillow sees itself; and some writers leave out its length
    missing += sum(count == 0 for count in counts)
    if missing > 0:
        raise UnreadableImage(f"is damaged or cut short: {missing} of its {pieces} pieces are missing")
    if tags.get(_Tiff.COMPRESSION, 1) == 1 and tags.get(_Tiff.COLOURS) != _Tiff.YCBCR:
        row = (across * (depths[0] if apart else sum(depths)) + 7) // 8
        for number, count in enumerate(counts):
            if count < row * (down if tiled else min(down, height - number % a_plane * down)):
                raise UnreadableImage(f"is damaged or cut short: piece {number + 1} of its {pieces} is not whole")


class _Tiff(IntEnum):
    """Tags, and one value."""

    WIDTH = 256
    HEIGHT = 257
    BITS = 258
    COMPRESSION = 259
    COLOURS = 262
    STRIP_OFFSETS = 273
    SAMPLES = 277
    STRIP_ROWS = 278
    STRIP_BYTES = 279
    PLANES = 284
    TILE_WIDTH = 322
    TILE_HEIGHT = 323
    TILE_OFFSETS = 324
    TILE_BYTES = 325
    YCBCR = 6


def _numbers(value: int | Sequence[int] | None) -> tuple[int, ...]:
    return () if value is None else (value,) if isinstance(value, int) else tuple(value)

"""The markers of a JPEG file: where its compressed data ends, and whether scans or restart intervals are missing."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_MARKER = re.compile(rb"\xff+([^\x00\xff])")
_SOI, _EOI, _SOS, _DRI, _TEM = 0xD8, 0xD9, 0xDA, 0xDD, 0x01
_FRAMES = {0xC0, 0xC1, 0xC2}
_PROGRESSIVE = 0xC2
_RESTART = range(0xD0, 0xD8)
_FILLER = bytes(range(0x11, 0x80, 3)) * 2  # decodes to something in any table of codes, and holds no marker


@dataclass(slots=True)
class _Picture:
    """What was met of the file so far.

    interval: MCUs between restart markers, 0 for none. units: MCUs of the frame. components: their ids. bits: how many
    low bits are still to come of each coefficient that a scan brought, by component and place. counted: whether the
    restart markers of the scan can be counted.
    """

    interval: int = 0
    units: int = 0
    components: tuple[int, ...] = ()
    progressive: bool = False
    restarts: int = 0
    counted: bool = False
    bits: dict[tuple[int, int], int] = field(default_factory=dict)

    def scan_whole(self) -> bool:
        """Whether the scan that ends here had all its restart markers, where they can be counted."""
        if not self.interval or not self.counted:
            return True
        return self.restarts == -(-self.units // self.interval) - 1

    def whole(self) -> bool:
        """Whether there was a scan of each component, and the last bits of all that was begun."""
        return all((each, 0) in self.bits for each in self.components) and not any(self.bits.values())


def with_filler(data: bytes) -> bytes | None:
    """The file with some bytes behind each stretch of compressed data, up to the end of the picture.

    A decoder passes over them where the data was whole, and decodes them where it was not. None where the file has no
    end, or where scans or restart markers are missing or out of order: then the data is not whole.
    """
    parts, picture, at, start, inside = [], _Picture(), 0, 0, False
    while found := _MARKER.search(data, at):
        marker, at = found[1][0], found.end()
        if inside:
            parts += [data[start : found.start()], _FILLER]
            start = found.start()
        if marker in _RESTART:
            if marker != _RESTART[picture.restarts % 8]:
                return None
            picture.restarts += 1
            continue
        if inside and not picture.scan_whole():
            return None
        inside = marker == _SOS
        if marker == _EOI:
            return b"".join([*parts, data[start:]]) if picture.whole() else None
        if marker not in {_SOI, _TEM}:
            length = int.from_bytes(data[at : at + 2], "big")
            _note(picture, marker, data[at + 2 : at + length])
            at += length
    return None


@dataclass(frozen=True, slots=True)
class ScanLayout:
    """several_scans: the picture comes in more than one. restarts: there are markers after which decoding recovers."""

    several_scans: bool
    restarts: bool


def layout(data: bytes) -> ScanLayout:
    """By what the file says ahead of its first scan."""
    picture, at = _Picture(), 0
    while found := _MARKER.search(data, at):
        marker, at = found[1][0], found.end()
        if marker == _EOI:
            break
        if marker not in {_SOI, _TEM, *_RESTART}:
            length = int.from_bytes(data[at : at + 2], "big")
            _note(picture, marker, data[at + 2 : at + length])
            at += length
        if marker == _SOS:
            several = picture.progressive or len(picture.bits) < len(picture.components)
            return ScanLayout(several, picture.interval > 0)
    return ScanLayout(several_scans=False, restarts=False)


def _note(picture: _Picture, marker: int, body: bytes) -> None:
    if marker == _DRI and len(body) >= 2:
        picture.interval = int.from_bytes(body[:2], "big")
    elif marker in _FRAMES and len(body) >= 6:
        height, width = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
        factors = [(body[i] >> 4, body[i] & 15) for i in range(7, len(body), 3)] or [(1, 1)]
        picture.components, picture.progressive = tuple(body[6::3]), marker == _PROGRESSIVE
        across, down = (8 * max(each[axis] for each in factors) for axis in (0, 1))
        if len(factors) == 1:
            across = down = 8
        picture.units = -(-width // max(across, 1)) * -(-height // max(down, 1))
    elif marker == _SOS and body:
        components = body[1 : 1 + 2 * body[0] : 2]
        picture.restarts, picture.counted = 0, not picture.progressive and len(components) == len(picture.components)
        first, last, bits = (body[-3], body[-2], body[-1] & 15) if picture.progressive else (0, 0, 0)
        picture.bits.update({(each, place): bits for each in components for place in range(first, last + 1)})

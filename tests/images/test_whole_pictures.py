"""Pictures of which a part is missing: each is told, in every format, and none that is whole."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from firstpass.contracts.image_source import UnreadableImage
from firstpass.images.decoding import decode

SAMPLES = Path(__file__).resolve().parents[2] / "include" / "samples"


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    return Image.open(SAMPLES / "china.jpg").convert("RGB").resize((320, 208))


def encoded(image: Image.Image, form: str, **options) -> bytes:
    buffer = BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, rows: bytes, *, interlaced: bool = False, colour: int = 2) -> bytes:
    """A PNG whose data are these rows, each with its filter byte, however many the header says that there are."""
    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, int(interlaced))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b"")


def refused(data: bytes, match: str = "^is damaged") -> bool:
    with pytest.raises(UnreadableImage, match=match):
        decode(data)
    return True


class TestPng:
    def test_ten_rows_of_fourteen_thousand(self):
        refused(png(14_000, 14_000, (b"\0" + b"\x50" * 42_000) * 10), "rows of its picture are missing")

    @pytest.mark.parametrize("interlaced", [False, True])
    def test_one_row_less(self, interlaced):
        """Interlaced, a picture of one column is 1 row of the first pass, then of passes 3, 5 and 7."""
        rows, missing = b"\0\0\0\0" * 16, 4
        assert decode(png(1, 16, rows, interlaced=interlaced)).shape == (16, 1, 3)
        refused(png(1, 16, rows[:-missing], interlaced=interlaced), "rows of its picture are missing")

    @pytest.mark.parametrize("size", [(5, 9), (33, 21), (1, 9), (64, 1)])
    def test_an_interlaced_photo_lacks_a_byte_or_rows(self, size):
        """The last pass brings every other row: those of the earlier ones are not black."""
        width, height = size
        pixels = np.random.default_rng(1).integers(1, 255, (height, width, 3), np.uint8)
        passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
        parts = [pixels[top::down, left::across] for left, top, across, down in passes]
        rows = b"".join(b"\0" + row.tobytes() for part in parts if part.size for row in part)
        assert (decode(png(width, height, rows, interlaced=True)) == pixels).all()
        for missing in (1, 1 + 3 * width, 1 + 6 * width, len(rows) // 2):
            refused(png(width, height, rows[:-missing], interlaced=True))

    @pytest.mark.parametrize("missing", [1, 15, 16, 17, 31, 32, 33])
    def test_bytes_or_rows_are_missing_below_a_bright_picture(self, missing):
        rows = (b"\0" + b"\xc8" * 15) * 9
        refused(png(5, 9, rows[:-missing]))

    def test_a_long_black_bar_below_is_counted_in_pieces(self, photo):
        """Noise does not compress: its one chunk is inflated in many pieces."""
        noise = np.random.default_rng(1).integers(0, 256, (300, 500, 3), np.uint8)
        noise[200:] = 0
        rows = b"".join(b"\0" + row.tobytes() for row in noise)
        assert (decode(png(500, 300, rows)) == noise).all()
        refused(png(500, 300, rows[:-1501]), "rows of its picture are missing")

    @pytest.mark.parametrize("value", [0, 255])
    def test_black_and_white_pictures_are_whole(self, value):
        for mode in ("RGB", "RGBA", "L", "LA", "P", "1", "I;16"):
            image = Image.new("L", (33, 21), value).convert(mode)
            assert decode(encoded(image, "PNG")).shape == (21, 33, 3)

    @pytest.mark.parametrize("side", [1, 2, 3, 4, 5, 8, 9])
    def test_every_pass_of_an_interlaced_one_is_counted(self, side):
        """Whole, it is (1 + 3 columns) bytes in each row of each of seven passes, those without columns left out."""
        passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
        total = sum(
            (1 + 3 * len(range(left, side, across))) * len(range(top, side, down))
            for left, top, across, down in passes
            if left < side
        )
        assert not decode(png(side, side, bytes(total), interlaced=True)).any()
        refused(png(side, side, bytes(total - 1), interlaced=True))

    def test_data_that_was_overwritten(self, photo):
        data = encoded(photo, "PNG")
        refused(data[:-3000] + bytes(9000))


class TestJpeg:
    @pytest.fixture(params=["plain", "grey", "CMYK", "progressive", "restarts"])
    def data(self, photo, request) -> bytes:
        image = photo.convert({"grey": "L", "CMYK": "CMYK"}.get(request.param, "RGB"))
        options = {"progressive": {"progressive": True}, "restarts": {"restart_marker_blocks": 7}}
        return encoded(image, "JPEG", quality=90, **options.get(request.param, {}))

    def test_is_whole(self, data):
        assert decode(data).shape == (208, 320, 3)

    @pytest.mark.parametrize("share", [0.3, 0.6])
    def test_ends_early_and_says_that_it_ends(self, data, share):
        refused(data[: int(share * len(data))] + b"\xff\xd9")

    def test_was_continued_with_zeros(self, data):
        refused(data[: int(0.9 * len(data))] + bytes(60_000))

    def test_ends_in_zeros_behind_its_end(self, data):
        assert (decode(data + bytes(500)) == decode(data)).all()

    def test_lacks_a_restart_interval(self, photo):
        data = encoded(photo, "JPEG", restart_marker_blocks=7)
        first, second = data.index(b"\xff\xd2"), data.index(b"\xff\xd3")
        refused(data[:first] + b"\xff\xd2" + data[second:])

    @pytest.mark.parametrize("value", [127, 128, 129])
    @pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 3}])
    def test_a_grey_wall_is_a_picture(self, value, options):
        pixels = decode(encoded(Image.new("RGB", (133, 77), (value,) * 3), "JPEG", **options))
        assert np.abs(pixels.astype(int) - value).max() <= 1

    def test_so_is_a_photo_with_a_grey_bar(self, photo):
        barred = photo.copy()
        barred.paste((128, 128, 128), (0, 160, 320, 208))
        assert decode(encoded(barred, "JPEG")).shape == (208, 320, 3)

    def test_a_grey_bar_does_not_hide_what_is_missing(self, photo):
        barred = photo.copy()
        barred.paste((128, 128, 128), (0, 0, 320, 100))
        data = encoded(barred, "JPEG")
        refused(data[:-600] + b"\xff\xd9")


class TestTiff:
    def tiff(self, photo, **tags) -> bytes:
        return encoded(photo, "TIFF", **tags)

    def changed(self, data: bytes, tag: int, change) -> bytes:
        """The file with the values of a tag of 32-bit numbers changed."""
        (directory,) = struct.unpack_from("<I", data, 4)
        (count,) = struct.unpack_from("<H", data, directory)
        for at in range(directory + 2, directory + 2 + 12 * count, 12):
            found, kind, many = struct.unpack_from("<HHI", data, at)
            if found == tag:
                letter = {3: "H", 4: "I"}[kind]
                size = many * struct.calcsize(letter)
                place = at + 8 if size <= 4 else struct.unpack_from("<I", data, at + 8)[0]
                values = change(list(struct.unpack_from(f"<{many}{letter}", data, place)))
                return data[:place] + struct.pack(f"<{many}{letter}", *values) + data[place + size :]
        raise AssertionError(f"no tag {tag}")

    @pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"])
    def test_is_whole(self, photo, compression):
        for mode in ("RGB", "L"):
            data = self.tiff(photo.convert(mode), compression=compression, strip_size=320 * 30 * 3)
            assert decode(data).shape == (208, 320, 3)

    @pytest.mark.parametrize("tag", [273, 279])
    def test_lacks_a_strip(self, photo, tag):
        """By its place, or by its length: both are 0 in files that were never written to their end."""
        data = self.tiff(photo, compression="tiff_lzw", strip_size=320 * 30 * 3)
        refused(self.changed(data, tag, lambda values: [*values[:-1], 0]), "1 of its 7 pieces are missing")

    def test_has_a_strip_that_is_too_short(self, photo):
        """Its compression is called none after the fact: Pillow writes raw pixels as one strip."""
        data = self.tiff(photo, compression="packbits", strip_size=320 * 30 * 3)
        raw = self.changed(data, 259, lambda values: [1])
        whole = self.changed(raw, 279, lambda values: [320 * 3 * 30] * 6 + [320 * 3 * 28])
        short = self.changed(raw, 279, lambda values: [320 * 3 * 30] * 6 + [320 * 3 * 28 - 1])
        assert decode(whole[:] + bytes(200_000)).shape == (208, 320, 3)
        refused(short, "piece 7 of its 7 is not whole")

    def test_has_more_rows_than_strips(self, photo):
        data = self.tiff(photo, compression="tiff_lzw", strip_size=320 * 30 * 3)
        refused(self.changed(data, 257, lambda values: [400]), "of its 14 pieces are missing")


@pytest.mark.parametrize(
    ("form", "options"),
    [
        ("BMP", {}),
        ("PPM", {}),
        ("GIF", {}),
        ("GIF", {"interlace": False}),
        ("WEBP", {}),
        ("WEBP", {"lossless": True}),
        ("AVIF", {}),
        ("TIFF", {}),
    ],
)
@pytest.mark.parametrize("share", [0.4, 0.9, 0.995])
def test_whatever_is_cut_short_is_told(photo, form, options, share):
    data = encoded(photo, form, **options)
    refused(data[: int(share * len(data))], "damaged|not an image")


def test_a_gif_whose_frame_has_too_few_rows(photo):
    """Its data ends in the middle of the frame, and the file goes on as if nothing were amiss."""
    data = encoded(photo.quantize(32), "GIF")
    screen = bytearray(data)
    frame = data.index(b"\x2c\0\0\0\0") if b"\x2c\0\0\0\0" in data else None
    assert frame is not None
    start = frame + 10 + (3 * 2 ** ((data[frame + 9] & 7) + 1) if data[frame + 9] & 0x80 else 0) + 1
    block = start + data[start] + 1
    refused(bytes(screen[:block]) + b"\0;")


def test_a_tiff_whose_tags_make_no_sense_is_damaged(photo):
    """The rows of a strip as text: what the memory is computed from."""
    data = encoded(photo, "TIFF", compression="tiff_lzw", tiffinfo={270: "x"})
    (directory,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, directory)
    at = next(
        at
        for at in range(directory + 2, directory + 2 + 12 * count, 12)
        if struct.unpack_from("<H", data, at)[0] == 278
    )
    refused(data[:at] + struct.pack("<HHI4s", 278, 2, 4, b"abc\0") + data[at + 12 :])

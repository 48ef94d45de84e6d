"""Whatever people keep photographs in becomes RGB bytes, or a sentence that says why not."""

from __future__ import annotations

import struct
import tracemalloc
import zlib
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageFile, ImageOps, PngImagePlugin

from firstpass.contracts.image_source import UnreadableImage
from firstpass.images.decoding import decode, orientation, probe
from firstpass.settings import settings

SAMPLES = Path(__file__).resolve().parents[2] / "include" / "samples"


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    """640×427, so that a mistaken axis shows."""
    return Image.open(SAMPLES / "china.jpg").convert("RGB")


@pytest.fixture
def limit(monkeypatch):
    """Set max_image_memory to what a JPEG of so many pixels needs."""

    def set_to(pixels: int) -> None:
        monkeypatch.setenv("FIRSTPASS_MAX_IMAGE_MEMORY", str(6 * pixels))
        settings.cache_clear()

    yield set_to
    settings.cache_clear()


def encoded(image: Image.Image, form: str, **options) -> bytes:
    buffer = BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def difference(pixels: np.ndarray, image: Image.Image) -> float:
    """Mean difference of the two, in steps of 255."""
    assert pixels.dtype == np.uint8
    assert pixels.shape == (image.height, image.width, 3)
    return float(np.abs(pixels.astype(int) - np.asarray(image.convert("RGB"), int)).mean())


@pytest.mark.parametrize(
    ("form", "options", "tolerance"),
    [
        ("PNG", {}, 0),
        ("BMP", {}, 0),
        ("TIFF", {}, 0),
        ("TIFF", {"compression": "tiff_lzw"}, 0),
        ("PPM", {}, 0),
        ("WEBP", {"lossless": True}, 0),
        ("GIF", {}, 6),
        ("JPEG", {"quality": 95}, 3),
        ("JPEG", {"quality": 95, "progressive": True}, 3),
        ("AVIF", {"quality": 95}, 3),
    ],
)
def test_every_format_gives_the_pixels_that_were_put_in(photo, form, options, tolerance):
    data = encoded(photo, form, **options)
    assert probe(data) == (640, 427)
    assert difference(decode(data), photo) <= tolerance


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF"])
def test_greyscale_is_repeated_over_the_channels(photo, form):
    grey = photo.convert("L")
    pixels = decode(encoded(grey, form))
    assert (pixels[..., 0] == pixels[..., 1]).all()
    assert (pixels[..., 0] == pixels[..., 2]).all()
    assert difference(pixels, grey) < 5  # what JPEG itself loses


def test_black_and_white(photo):
    pixels = decode(encoded(photo.convert("1"), "PNG"))
    assert set(np.unique(pixels)) == {0, 255}


@pytest.mark.parametrize("form", ["PNG", "WEBP", "TIFF"])
def test_alpha_is_dropped_and_the_colours_under_it_stay(photo, form):
    image = photo.copy()
    image.putalpha(Image.new("L", photo.size, 40))
    options = {"lossless": True, "exact": True} if form == "WEBP" else {}
    assert difference(decode(encoded(image, form, **options)), photo) == 0


def test_palette_and_its_transparency(photo):
    palette = photo.quantize(64)
    assert difference(decode(encoded(palette, "PNG")), palette) == 0
    assert difference(decode(encoded(palette, "PNG", transparency=3)), palette) == 0
    assert difference(decode(encoded(palette, "PNG", transparency=bytes(range(64)))), palette) == 0


def test_greyscale_with_alpha(photo):
    grey = photo.convert("L")
    both = Image.merge("LA", (grey, Image.new("L", photo.size, 9)))
    assert difference(decode(encoded(both, "PNG")), grey) == 0


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_16_bit_greyscale_is_scaled_from_the_full_range(form):
    ramp = np.arange(256 * 256, dtype=np.uint16).reshape(256, 256)
    pixels = decode(encoded(Image.fromarray(ramp), form))
    assert (pixels == np.repeat((ramp >> 8).astype(np.uint8)[:, :, None], 3, axis=2)).all()


def test_16_bit_greyscale_may_have_its_high_byte_first():
    ramp = np.arange(256 * 256, dtype=">u2").reshape(256, 256)
    image = Image.fromarray(ramp)
    assert image.mode == "I;16B"
    assert (decode(encoded(image, "TIFF"))[..., 0] == (ramp >> 8).astype(np.uint8)).all()


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("form", ["JPEG", "MPO"])
def test_a_jpeg_takes_the_fast_way_which_is_not_pillow_s(photo, form, mode, monkeypatch):
    """But for CMYK, whose colours OpenCV would have from somewhere else."""
    data, expected = encoded(photo.convert(mode), form, quality=95), np.asarray(photo.convert(mode).convert("RGB"), int)
    monkeypatch.setattr(ImageFile.ImageFile, "load", None)
    if mode == "CMYK":
        with pytest.raises(UnreadableImage):
            decode(data)
    else:
        assert np.abs(decode(data) - expected).mean() < 3


def test_a_jpeg_that_opencv_refuses_takes_the_slow_way(photo, monkeypatch):
    def refuse(*_):
        raise cv2.error("CV_IO_MAX_IMAGE_PIXELS")

    data = encoded(photo, "JPEG", quality=95)
    for answer in (refuse, lambda *_: None):
        monkeypatch.setattr(cv2, "imdecode", answer)
        assert difference(decode(data), photo) < 3


def test_a_picture_without_room_in_memory_says_how_large_it_is(photo, monkeypatch):
    def no_room(self):
        raise MemoryError

    monkeypatch.setattr(ImageFile.ImageFile, "load", no_room)
    with pytest.raises(UnreadableImage, match=r"^needs more memory than there is to decode \(640×427 pixels\)"):
        decode(encoded(photo, "PNG"))


def test_a_header_is_read_from_an_open_file_too(photo, tmp_path):
    (tmp_path / "photo.png").write_bytes(encoded(photo, "PNG"))
    with (tmp_path / "photo.png").open("rb") as file:
        assert probe(file) == (640, 427)
    with pytest.raises(UnreadableImage, match=r"^is empty \(0 bytes\)"):
        probe(BytesIO())
    with pytest.raises(UnreadableImage, match=r"^is not an image of a known format.*b'just tex'"):
        probe(BytesIO(b"just text"))


def test_16_bits_of_a_portable_greymap():
    assert decode(b"P5 3 1 65535\n" + struct.pack(">3H", 0x1234, 0xFFFF, 0x00FF))[0, :, 0].tolist() == [0x12, 0xFF, 0]


def test_16_bits_a_channel():
    """Pillow writes no such file, so it is put together here: 2×1 pixels, RGB of 16 bits."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    row = b"\0" + struct.pack(">6H", 0x1234, 0x8000, 0xFFFF, 0, 0x00FF, 0x0100)
    header = struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(row)) + chunk(b"IEND", b"")
    assert decode(data).tolist() == [[[0x12, 0x80, 0xFF], [0, 0, 1]]]


def test_cmyk_jpeg(photo):
    assert difference(decode(encoded(photo.convert("CMYK"), "JPEG", quality=95)), photo) < 4


@pytest.mark.parametrize("form", ["GIF", "WEBP", "TIFF"])
def test_the_first_frame_of_several_is_taken(form):
    first, second = Image.new("RGB", (8, 6), "red"), Image.new("RGB", (8, 6), "blue")
    pixels = decode(encoded(first, form, save_all=True, append_images=[second]))
    assert pixels.shape == (6, 8, 3)
    assert pixels[..., 0].min() > 250
    assert pixels[..., 2].max() < 5


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "WEBP"])
def test_an_exif_orientation_is_applied_only_when_asked_for(photo, orientation, form):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(photo, form, quality=95, exif=exif)
    assert probe(data) == (640, 427)
    assert difference(decode(data), photo) < 3
    turned = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
    seen = photo.transpose(turned[orientation]) if orientation in turned else photo
    assert difference(decode(data, upright=True), seen) < 3


def with_exif(form: str, number, **options) -> bytes:
    """A drawing like none of its mirror images, with this orientation."""
    image = Image.new("RGB", (24, 16), "black")
    image.paste("white", (0, 0, 8, 4))
    if form == "TIFF":
        return encoded(image, form, tiffinfo={0x0112: number}, **options)
    exif = Image.Exif()
    exif[0x0112] = number
    return encoded(image, form, exif=exif, **options)


@pytest.mark.parametrize("number", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "MPO", "PNG", "WEBP", "AVIF", "TIFF"])
def test_the_orientation_is_what_turns_the_decoded_picture_upright(form, number):
    data = with_exif(form, number)
    stored = Image.fromarray(decode(data))
    stored.getexif()[0x0112] = orientation(data)
    assert difference(decode(data, upright=True), ImageOps.exif_transpose(stored)) < 3
    assert orientation(data) == (1 if form == "TIFF" else number)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF", "GIF", "BMP", "PPM"])
def test_a_picture_that_says_nothing_is_as_stored(photo, form):
    assert orientation(encoded(photo, form)) == 1


@pytest.mark.parametrize("number", [0, 9, 255, 65535])
def test_so_is_one_with_an_orientation_that_there_is_not(number):
    assert orientation(with_exif("JPEG", number)) == 1


def exif_field(kind: int, value: bytes) -> bytes:
    """Exif with the orientation as a field of this type."""
    at_end = len(value) > 4
    field = struct.pack(">HHI", 0x0112, kind, 1) + (struct.pack(">I", 26) if at_end else value.ljust(4, b"\0"))
    return b"Exif\0\0MM\0\x2a\0\0\0\x08" + struct.pack(">H", 1) + field + bytes(4) + (value if at_end else b"")


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize(
    ("exif", "found"),
    [
        (exif_field(3, struct.pack(">H", 6)), 6),
        (exif_field(4, struct.pack(">I", 6)), 6),
        (exif_field(5, struct.pack(">II", 6, 1)), 6),
        (exif_field(5, struct.pack(">II", 13, 2)), 1),
        (exif_field(5, struct.pack(">II", 0, 0)), 1),
        (exif_field(2, b"6\0"), 1),
        (exif_field(3, struct.pack(">H", 6))[:-8], 1),
        (b"Exif\0\0", 1),
        (b"Exif\0\0nonsense", 1),
    ],
)
def test_whatever_stands_in_its_place_is_a_whole_number_or_none(photo, exif, found):
    data = encoded(photo, "JPEG", exif=exif)
    assert orientation(data) == found
    assert type(orientation(data)) is int


def test_a_png_may_say_it_at_its_end():
    data = with_exif("PNG", 6)
    start = data.index(b"eXIf") - 4
    length = struct.unpack(">I", data[start : start + 4])[0] + 12
    moved = data[:start] + data[start + length : -12] + data[start : start + length] + data[-12:]
    assert moved != data
    assert orientation(moved) == 6
    assert decode(moved, upright=True).shape == (24, 16, 3)


def test_a_png_that_says_nothing_is_not_decoded_for_that(photo, monkeypatch):
    data = encoded(photo, "PNG")
    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", lambda self: pytest.fail("it was decoded"))
    assert orientation(data) == 1


@pytest.mark.parametrize("data", [b"", b"no image", b"\xff\xd8\xff"])
def test_what_is_no_image_has_no_orientation_either(data):
    with pytest.raises(UnreadableImage):
        orientation(data)


def test_neither_has_one_that_is_too_large(limit):
    data = with_exif("JPEG", 6)
    limit(24 * 16)
    assert orientation(data) == 6
    limit(24 * 16 - 1)
    with pytest.raises(UnreadableImage, match="is too large"):
        orientation(data)


def test_one_pixel():
    assert decode(encoded(Image.new("RGB", (1, 1), (1, 2, 3)), "PNG")).tolist() == [[[1, 2, 3]]]
    assert decode(encoded(Image.new("RGB", (1, 1), "white"), "JPEG")).tolist() == [[[255, 255, 255]]]


def test_108_megapixels():
    data = encoded(Image.new("L", (12000, 9000), 77), "JPEG")
    assert probe(data) == (12000, 9000)
    pixels = decode(data)
    assert pixels.shape == (9000, 12000, 3)
    assert pixels[8999, 11999].tolist() == [77, 77, 77]


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.97])
def test_a_file_cut_short_is_told(photo, form, share):
    data = encoded(photo, form)
    with pytest.raises(UnreadableImage, match=r"damaged|not an image"):
        decode(data[: int(share * len(data))])


def test_a_jpeg_without_its_last_bytes_is_told(photo):
    """The picture is there but for its last row: no reader would notice, and the file is still not whole."""
    for progressive in (False, True):
        data = encoded(photo, "JPEG", progressive=progressive)
        for missing in (40, 400, 4000):
            with pytest.raises(UnreadableImage, match="cut short"):
                decode(data[:-missing])


def test_what_follows_a_jpeg_does_no_harm(photo):
    """Phones append films and depth maps."""
    data = encoded(photo, "JPEG")
    assert (decode(data + b"\0" * 1000) == decode(data)).all()
    assert (decode(data + b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 40) == decode(data)).all()


def test_a_png_with_a_flipped_bit_is_told(photo):
    data = bytearray(encoded(photo, "PNG"))
    data[len(data) // 2] ^= 0x10
    with pytest.raises(UnreadableImage, match="damaged"):
        decode(bytes(data))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty"),
        (b"This is a text file that somebody renamed to .jpg.\n" * 20, "not an image"),
        (b"\xff\xd8\xff", "not an image"),
        (b"\x89PNG\r\n\x1a\n", "not an image"),
        (b"\0" * 4096, "not an image"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 100, "HEIC"),
        *((b"\0\0\0\x18ftyp" + brand + b"\0" * 100, "HEIC") for brand in (b"heix", b"mif1", b"hevc")),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image"),  # would run a PostScript interpreter
    ],
)
def test_what_is_no_image_is_told(data, reason):
    for read in (decode, probe):
        with pytest.raises(UnreadableImage, match=reason):
            read(data)


@pytest.mark.parametrize(("mode", "value"), [("F", 0.5), ("I", 70_000)])
def test_pixels_of_32_bits_are_refused(mode, value):
    with pytest.raises(UnreadableImage, match=r"^has 32 bits"):
        decode(encoded(Image.new(mode, (4, 4), value), "TIFF"))


def test_a_decompression_bomb_is_known_by_its_header():
    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", len(header)) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    idat = struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    tracemalloc.start()
    for read in (probe, decode):
        with pytest.raises(
            UnreadableImage,
            match=r"^is too large: 100000×100000 pixels need 66,757 MiB of memory to decode, more than"
            " FIRSTPASS_MAX_IMAGE_MEMORY=1610612736",
        ):
            read(b"\x89PNG\r\n\x1a\n" + chunk + idat)
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


def test_the_limit_is_a_setting(photo, limit):
    data = encoded(photo, "JPEG")
    limit(640 * 427)
    assert decode(data).shape == (427, 640, 3)
    limit(640 * 427 - 1)
    with pytest.raises(UnreadableImage, match="too large: 640×427"):
        decode(data)


def test_damage_is_quiet(photo, capfd):
    data = encoded(photo, "PNG")
    for damaged in (data[:5000], data[:5000] + b"\0" * 64 + data[5064:]):
        with pytest.raises(UnreadableImage):
            decode(damaged)
    assert capfd.readouterr() == ("", "")

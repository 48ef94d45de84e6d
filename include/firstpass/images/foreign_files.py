"""What a file is that has an image's name and is none, by its first bytes: so that people know what to do about it."""

from __future__ import annotations

HEAD = 512  # bytes that tell

_ARCHIVE = "unpack it, and put the images in its place"
_CONVERT = "convert it to JPEG or PNG"
_AGAIN = "download the image again"

# What a file begins with, what it is then, and what to do.
_SIGNS: tuple[tuple[bytes, str, str], ...] = (
    (b"PK\x03\x04", "a ZIP archive or an office document", _ARCHIVE),
    (b"PK\x05\x06", "an empty ZIP archive", _ARCHIVE),
    (b"\x1f\x8b", "compressed with gzip", _ARCHIVE),
    (b"BZh", "compressed with bzip2", _ARCHIVE),
    (b"\xfd7zXZ\0", "compressed with xz", _ARCHIVE),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", _ARCHIVE),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", _ARCHIVE),
    (b"Rar!\x1a\x07", "a RAR archive", _ARCHIVE),
    (b"%PDF-", "a PDF document", _CONVERT),
    (b"%!PS", "a PostScript document", _CONVERT),
    (b"8BPS", "a Photoshop document", _CONVERT),
    (b"\xff\x0a", "a JPEG XL picture", _CONVERT),
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture", _CONVERT),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 picture", _CONVERT),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 picture", _CONVERT),
    (b"\x76\x2f\x31\x01", "an OpenEXR picture", _CONVERT),
    (b"\x1aE\xdf\xa3", "a film (Matroska or WebM)", "cut it into pictures first"),
    (b"version https://git-lfs", "a pointer of Git LFS", "fetch the image itself with `git lfs pull`"),
    (b"\0\x05\x16\x07", "the notes that macOS keeps about a file", "delete it"),
    (b"\0" * 16, "made of zero bytes: copying it broke off", "copy it again"),
)
_HEIC = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_MARKUP = ((b"<!doctype html", "a page of HTML", _AGAIN), (b"<html", "a page of HTML", _AGAIN))
_XML = ((b"<svg", "an SVG drawing", _CONVERT), (b"<?xml", "XML, an error of object storage perhaps", _AGAIN))


def what_it_is(head: bytes) -> str:
    """A sentence about a file that begins with `head`, its first HEAD bytes, and that no decoder takes."""
    if not head:
        return "is empty (0 bytes)"
    if head[4:8] == b"ftyp" and head[8:12] in _HEIC:
        return "is a HEIC photograph, which is not supported: convert it to JPEG"
    known = next(((what, advice) for sign, what, advice in _SIGNS if head.startswith(sign)), None)
    known = known or _container(head) or _text(head)
    if known is None:
        return f"is not an image of a known format, or its header is damaged (it starts with {head[:8]!r})"
    return f"is not an image but {known[0]}: {known[1]}"


def _container(head: bytes) -> tuple[str, str] | None:
    if head[257:262] == b"ustar":
        return "a tar archive", _ARCHIVE
    if head[4:8] == b"ftyp" and head[8:11] == b"crx":
        return "a camera's raw file", _CONVERT
    if head[4:8] == b"ftyp" and head[8:12] not in {b"avif", b"avis"}:
        return "a film (MP4 or QuickTime)", "cut it into pictures first"
    return None


def _text(head: bytes) -> tuple[str, str] | None:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:HEAD].lower()
    for sign, what, advice in (*_MARKUP, *_XML):
        if start.startswith(sign):
            return what, advice
    return None

"""What has an image's name and is none: people are told what it is and what to do."""

from __future__ import annotations

import bz2
import gzip
import io
import itertools
import lzma
import tarfile
import zipfile

import pytest

from firstpass.contracts.image_source import UnreadableImage
from firstpass.images.decoding import decode, probe
from firstpass.images.foreign_files import HEAD, what_it_is


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("photo.jpg", b"data")
    return buffer.getvalue()


def empty_zip() -> bytes:
    buffer = io.BytesIO()
    zipfile.ZipFile(buffer, "w").close()
    return buffer.getvalue()


def tarred() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("photo.jpg"))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "what", "advice"),
    [
        (zipped(), "a ZIP archive or an office document", "unpack it"),
        (empty_zip(), "an empty ZIP archive", "unpack it"),
        (tarred(), "a tar archive", "unpack it"),
        (gzip.compress(b"data", mtime=0), "compressed with gzip", "unpack it"),
        (bz2.compress(b"data"), "compressed with bzip2", "unpack it"),
        (lzma.compress(b"data"), "compressed with xz", "unpack it"),
        (b"7z\xbc\xaf\x27\x1c\0\4" + bytes(40), "a 7z archive", "unpack it"),
        (b"%PDF-1.7\n%\xe2\xe3", "a PDF document", "convert it"),
        (b"\xef\xbb\xbf\n <!DOCTYPE html><html><h1>403</h1>", "a page of HTML", "download the image again"),
        (b"<html>\r\n<head><title>502 Bad Gateway", "a page of HTML", "download the image again"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied', "XML, an error of object storage", "again"),
        (b'<svg xmlns="http://www.w3.org/2000/svg">', "an SVG drawing", "convert it"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00", "a pointer of Git LFS", "`git lfs pull`"),
        (b"\0\0\0\x20ftypisom\0\0\2\0isomiso2", "a film", "cut it into pictures"),
        (b"\0" * 600, "made of zero bytes", "copy it again"),
    ],
    ids=itertools.count(),  # the same on every worker: bytes make unwieldy names
)
def test_each_says_what_it_is_and_what_to_do(data, what, advice):
    for read in (probe, decode, lambda found: probe(io.BytesIO(found))):
        with pytest.raises(UnreadableImage, match=f"^is not an image but {what}.*: .*{advice}"):
            read(data)


@pytest.mark.parametrize("brand", [b"heic", b"heix", b"mif1", b"hevc"])
def test_photographs_that_cannot_be_decoded_here(brand):
    assert what_it_is(b"\0\0\0\x18ftyp" + brand) == ("is a HEIC photograph, which is not supported: convert it to JPEG")


def test_what_nobody_knows_shows_its_first_bytes():
    assert what_it_is(b"just some text") == (
        "is not an image of a known format, or its header is damaged (it starts with b'just som')"
    )
    assert what_it_is(b"") == "is empty (0 bytes)"


def test_five_hundred_bytes_are_enough():
    assert all(what_it_is(data[:HEAD]) == what_it_is(data) for data in (zipped(), tarred(), b"<html>" * 1000))

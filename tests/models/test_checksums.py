from __future__ import annotations

import base64
import hashlib
import zlib

import pytest

from firstpass.models.checksums import Checksum, fits, of_answer, of_etag

DATA = bytes(range(256)) * 10_000
PART = 1_000_000


def crc(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(4, "big")


def parts(digest) -> bytes:
    return digest(b"".join(digest(DATA[at : at + PART]) for at in range(0, len(DATA), PART)))


def md5(data: bytes) -> bytes:
    return hashlib.md5(data).digest()


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "data"
    path.write_bytes(DATA)
    return path


@pytest.mark.parametrize(
    "checksum",
    [
        Checksum("MD5", md5(DATA), 0),
        Checksum("CRC32", crc(DATA), 0),
        Checksum("SHA256", hashlib.sha256(DATA).digest(), 0),
        Checksum("SHA1", hashlib.sha1(DATA).digest(), 0),
        Checksum("MD5", parts(md5), 3),
        Checksum("CRC32", parts(crc), 3),
    ],
)
def test_a_file_fits_its_checksum_and_no_other(path, checksum):
    assert fits(path, checksum, PART)
    path.write_bytes(DATA[:-1] + b"?")
    assert not fits(path, checksum, PART)


def test_an_empty_file(tmp_path):
    (tmp_path / "empty").touch()
    assert fits(tmp_path / "empty", Checksum("MD5", md5(b""), 0), 0)


def test_etags():
    assert of_etag(md5(DATA).hex()) == Checksum("MD5", md5(DATA), 0)
    assert of_etag(md5(DATA).hex() + "-17") == Checksum("MD5", md5(DATA), 17)
    for other in ("", "1234-5678", "z" * 32, "0" * 32 + "-x", "0" * 40):
        assert of_etag(other) is None


def test_answers():
    plain, several = base64.b64encode(crc(DATA)).decode(), base64.b64encode(crc(DATA)).decode() + "-3"
    assert of_answer({"ChecksumCRC32": plain}) == Checksum("CRC32", crc(DATA), 0)
    assert of_answer({"ChecksumCRC32": several}) == Checksum("CRC32", crc(DATA), 3)
    for other in ({}, {"ChecksumCRC64NVME": plain}, {"ChecksumCRC32": "?"}, {"ChecksumSHA256": plain}):
        assert of_answer(other) is None

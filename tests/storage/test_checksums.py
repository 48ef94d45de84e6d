from __future__ import annotations

import base64
import hashlib
import zlib

import pytest

from firstpass.storage.checksums import Checksum, PartDigests, fits, of_answer, of_etag

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


def test_a_server_that_forgets_to_say_that_a_checksum_is_one_of_parts():
    plain = base64.b64encode(crc(DATA)).decode()
    assert of_answer({"ETag": '"abc-3"', "ChecksumCRC32": plain}) is None
    assert of_answer({"ETag": '"abc-3"', "ChecksumCRC32": plain, "ChecksumType": "FULL_OBJECT"}) is not None


def seen(data: bytes, block: int = 2**20) -> PartDigests:
    digests = PartDigests()
    for at in range(0, len(data), block):
        digests.update(at, data[at : at + block])
    return digests


def test_parts_are_digested_as_they_pass_by():
    size = PartDigests.SIZE
    data = b"a" * size + b"b" * size + b"c" * 5
    several = crc(b"".join(crc(data[at : at + size]) for at in range(0, len(data), size)))
    assert seen(data).fit(len(data), Checksum("CRC32", several, 3))
    assert not seen(data[:-1] + b"?").fit(len(data), Checksum("CRC32", several, 3))
    assert not seen(data).fit(len(data), Checksum("MD5", several, 3))
    assert not seen(data[: 2 * size]).fit(len(data), Checksum("CRC32", several, 3))
    assert seen(b"c" * 5).fit(5, Checksum("CRC32", crc(b"c" * 5), 0))


def test_a_part_that_was_begun_anew_counts_from_its_start():
    digests = PartDigests()
    digests.update(0, b"broken off")
    digests.update(0, b"whole")
    assert digests.fit(5, Checksum("CRC32", crc(b"whole"), 0))
    later = PartDigests()
    later.update(3, b"whose start an earlier try fetched")
    assert not later.fit(5, Checksum("CRC32", crc(b"whole"), 0))

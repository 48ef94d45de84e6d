"""Whether a file is what object storage says it is, by whatever checksum the storage has of it."""

from __future__ import annotations

import base64
import hashlib
import zlib
from itertools import pairwise

import pytest
from boto3.s3.transfer import TransferConfig
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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


DIGESTS = {
    "MD5": md5,
    "CRC32": crc,
    "SHA1": lambda data: hashlib.sha1(data).digest(),
    "SHA256": lambda data: hashlib.sha256(data).digest(),
}


@given(st.binary(max_size=60), st.integers(1, 20), st.sampled_from(sorted(DIGESTS)), st.integers(0, 59))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_file_fits_the_digest_of_its_digests_whatever_the_parts(tmp_path, data, part, algorithm, damaged):
    digest = DIGESTS[algorithm]
    pieces = [data[at : at + part] for at in range(0, max(len(data), 1), part)]
    several = Checksum(algorithm, digest(b"".join(map(digest, pieces))), len(pieces))
    whole = Checksum(algorithm, digest(data), 0)
    path = tmp_path / "data"
    path.write_bytes(data)
    assert fits(path, several, part)
    assert fits(path, whole, part)
    if data:
        damaged %= len(data)
        path.write_bytes(data[:damaged] + bytes([data[damaged] ^ 1]) + data[damaged + 1 :])
        assert not fits(path, several, part)
        assert not fits(path, whole, part)


def test_a_file_of_several_blocks_fits(tmp_path):
    data = bytes(range(256)) * 4096 * 2 + b"end"
    (tmp_path / "data").write_bytes(data)
    assert fits(tmp_path / "data", Checksum("MD5", md5(data), 0), 0)
    part = 3 * 2**19
    pieces = b"".join(md5(data[at : at + part]) for at in range(0, len(data), part))
    assert fits(tmp_path / "data", Checksum("MD5", md5(pieces), 2), part)


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
    for other in (several + "x", plain[:-1], plain + "====", ""):
        assert of_answer({"ChecksumCRC32": other}) is None


def test_of_several_checksums_the_cheapest_is_taken_that_can_be_used():
    given = {
        f"Checksum{name}": base64.b64encode(digest(DATA)).decode() for name, digest in DIGESTS.items() if name != "MD5"
    }
    for name in ("CRC32", "SHA1", "SHA256"):
        assert of_answer(given) == Checksum(name, DIGESTS[name](DATA), 0)
        given[f"Checksum{name}"] = "damaged?"
    assert of_answer(given) is None


def test_a_checksum_that_cannot_be_used_does_not_hide_one_that_can():
    plain, several = (base64.b64encode(DIGESTS["SHA1"](DATA)).decode() + end for end in ("", "-3"))
    crc32 = base64.b64encode(crc(DATA)).decode()
    assert of_answer({"ETag": '"abc-3"', "ChecksumCRC32": crc32, "ChecksumSHA1": several}).algorithm == "SHA1"
    assert of_answer({"ChecksumCRC32": several, "ChecksumSHA1": plain}) == Checksum("SHA1", DIGESTS["SHA1"](DATA), 0)


def test_parts_are_as_large_as_those_that_boto3_uploads():
    assert TransferConfig().multipart_chunksize == PartDigests.SIZE


def test_a_checksum_of_parts_is_used_though_the_etag_is_one_of_parts_too():
    several = base64.b64encode(crc(DATA)).decode() + "-3"
    assert of_answer({"ETag": '"abc-3"', "ChecksumCRC32": several}) == Checksum("CRC32", crc(DATA), 3)


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


@given(st.binary(min_size=1, max_size=30), st.lists(st.integers(0, 29)), st.integers(0, 29))
def test_parts_add_up_however_they_came_in(data, cuts, lost):
    """Parts of four bytes; the ranges of a file come side by side, each from its start on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PartDigests, "SIZE", 4)
        edges = sorted({0, len(data), *range(0, len(data), 4), *(cut for cut in cuts if cut < len(data))})
        blocks = [(at, data[at:end]) for at, end in pairwise(edges)]
        parts = [data[at : at + 4] for at in range(0, len(data), 4)]
        several = Checksum("CRC32", crc(b"".join(map(crc, parts))), len(parts))
        digests, halved = PartDigests(), PartDigests()
        for at, block in sorted(blocks, key=lambda each: (each[0] // 4 % 2, each[0])):
            digests.update(at, block)
            if at // 4 != lost % len(parts):
                halved.update(at, block)
        assert digests.fit(len(data), several)
        assert digests.fit(len(data), Checksum("CRC32", crc(data), 0)) == (len(parts) == 1)
        assert not digests.fit(len(data) + 4, several)
        assert not digests.fit(len(data), Checksum("CRC32", several.digest, len(parts) + 1))
        assert not digests.fit(len(data), Checksum("CRC32", crc(b"x"), len(parts)))
        assert not digests.fit(len(data), Checksum("SHA1", several.digest, len(parts)))
        assert not halved.fit(len(data), several)


def test_a_part_that_was_begun_anew_counts_from_its_start():
    digests = PartDigests()
    digests.update(0, b"broken off")
    digests.update(0, b"whole")
    assert digests.fit(5, Checksum("CRC32", crc(b"whole"), 0))
    later = PartDigests()
    later.update(3, b"whose start an earlier try fetched")
    assert not later.fit(5, Checksum("CRC32", crc(b"whole"), 0))

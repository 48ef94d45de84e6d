"""Whether a file is what object storage says it is, by the cheapest checksum that the storage has of it."""

from __future__ import annotations

import zlib
from base64 import b64decode
from binascii import Error
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import md5, sha1, sha256
from pathlib import Path
from typing import Any

_BLOCK = 2**20


class _Crc32:
    """zlib's function in the form of hashlib's objects: three times as fast as MD5."""

    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes) -> None:
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4, "big")


_MAKERS: dict[str, Callable[[], Any]] = {
    "CRC32": _Crc32,
    "SHA1": lambda: sha1(usedforsecurity=False),
    "SHA256": sha256,
    "MD5": lambda: md5(usedforsecurity=False),
}


@dataclass(frozen=True, slots=True)
class Checksum:
    """What storage says of an object. parts: 0 for a digest of the bytes, else one of the digests of so many parts."""

    algorithm: str
    digest: bytes
    parts: int


def of_answer(answer: dict[str, Any]) -> Checksum | None:
    """The checksum of the whole object in an answer of S3, if there is one that can be computed here.

    Some servers leave out that a checksum is one of parts: where only the ETag says so, the checksum is not used.
    """
    in_parts = "-" in str(answer.get("ETag")) and answer.get("ChecksumType") != "FULL_OBJECT"
    for algorithm in ("CRC32", "SHA1", "SHA256"):
        value, _, parts = str(answer.get(f"Checksum{algorithm}") or "").partition("-")
        try:
            digest = b64decode(value, validate=True)
        except Error:
            continue
        if in_parts and not parts:
            continue
        if len(digest) == len(_MAKERS[algorithm]().digest()) and (parts.isdigit() or not parts):
            return Checksum(algorithm, digest, int(parts or 0))
    return None


def of_etag(etag: str) -> Checksum | None:
    """The checksum that an ETag is: MD5 of the bytes, or of the MD5s of its parts. None for an ETag of another form."""
    value, _, parts = etag.partition("-")
    if len(value) != 32 or not (parts.isdigit() or not parts):
        return None
    try:
        return Checksum("MD5", bytes.fromhex(value), int(parts or 0))
    except ValueError:
        return None


class PartDigests:
    """The CRC-32 of parts of an object of a common size, taken while they pass by: no file is read again for them."""

    SIZE = 8 * 2**20  # what boto3 and the AWS command line cut uploads into

    def __init__(self) -> None:
        self._digests: dict[int, int] = {}

    def update(self, at: int, block: bytes) -> None:
        """`block` comes at position `at`, after what came at its part's start; it lies within one part."""
        part = at // self.SIZE
        if at % self.SIZE == 0:
            self._digests[part] = 0
        if part in self._digests:
            self._digests[part] = zlib.crc32(block, self._digests[part])

    def fit(self, size: int, checksum: Checksum) -> bool:
        """Whether they add up to the checksum of an object of `size` bytes; False also when some are missing."""
        count = -(-size // self.SIZE)
        if checksum.algorithm != "CRC32" or max(checksum.parts, 1) != count or len(self._digests) != count:
            return False
        if not checksum.parts:
            return self._digests[0].to_bytes(4, "big") == checksum.digest
        joined = b"".join(self._digests[part].to_bytes(4, "big") for part in range(count))
        return zlib.crc32(joined).to_bytes(4, "big") == checksum.digest


def fits(path: Path, checksum: Checksum, part_size: int) -> bool:
    """Whether the file has this checksum. part_size: bytes of each part but the last, where it is one of parts."""
    size = path.stat().st_size
    length = part_size if checksum.parts else max(size, 1)
    digests = []
    with path.open("rb") as file:
        for start in range(0, max(size, 1), length):
            digest = _MAKERS[checksum.algorithm]()
            for at in range(start, min(start + length, size), _BLOCK):
                digest.update(file.read(min(_BLOCK, start + length - at)))
            digests.append(digest.digest())
    if not checksum.parts:
        return bool(digests[0] == checksum.digest)
    whole = _MAKERS[checksum.algorithm]()
    whole.update(b"".join(digests))
    return bool(whole.digest() == checksum.digest)

"""Many objects from S3 to local files at once: in ranges, resumable, verified.

A file is cut into ranges that are fetched side by side, whatever file they are of. Each range that is whole is noted
beside the file, so that a download that was cut goes on where it stopped. Every request names the ETag that was listed:
an object that is replaced meanwhile is noticed, never mixed.
"""

from __future__ import annotations

import logging
import os
import random
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from hashlib import md5
from pathlib import Path
from typing import Any

from firstpass.errors import FirstpassError

log = logging.getLogger("firstpass")

WORKERS = 10  # connections; botocore's own pool holds as many
RANGE = 16 * 2**20  # bytes; a file beyond 20 of them is cut into 20 larger ones
_BLOCK = 2**20  # bytes in memory for each connection
_TRIES = 6  # without a byte received
_SECONDS_BETWEEN_LINES = 5


class SourceChanged(Exception):
    """An object was replaced or removed since it was listed."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One object to fetch: key, size in bytes and ETag as listed; target: the local file."""

    key: str
    size: int
    etag: str
    target: Path


@dataclass(frozen=True, slots=True)
class _Range:
    wanted: Wanted
    index: int
    start: int
    stop: int


def download(client: Any, bucket: str, wanted: list[Wanted]) -> None:
    """Fetch every object; a target appears only when it is whole and its checksum fits.

    What is there already of an earlier try (target.part, target.ranges) is used. Memory stays bounded, whatever the
    sizes. Progress goes to the log every few seconds.
    Raises SourceChanged for an object that is not what was listed, FirstpassError for a full disk and for bytes that
    twice do not match the ETag, and botocore's own errors for what stays wrong after retries.
    """
    missing = [item for item in wanted if not item.target.is_file()]
    for item in missing:
        item.target.parent.mkdir(parents=True, exist_ok=True)
    ranges = [part for item in missing for part in _missing_ranges(item)]
    _check_space(ranges)
    with ThreadPoolExecutor(WORKERS, thread_name_prefix="download") as pool:
        _all(pool, [(_fetch, client, bucket, part) for part in ranges], sum(part.stop - part.start for part in ranges))
        _all(pool, [(_finish, client, bucket, item) for item in missing], 0)


def _all(pool: ThreadPoolExecutor, calls: list[tuple[Any, ...]], total: int) -> None:
    """Run the calls side by side; the first error stops those that did not start."""
    done_bytes, started = 0, time.monotonic()
    pending: set[Future[int]] = {pool.submit(*call) for call in calls}
    try:
        while pending:
            done, pending = wait(pending, timeout=_SECONDS_BETWEEN_LINES, return_when=FIRST_EXCEPTION)
            done_bytes += sum(future.result() for future in done)
            if pending and total:
                rate = done_bytes / (time.monotonic() - started) / 1e6
                log.info("%d of %d MB, %.0f MB/s", done_bytes / 1e6, total / 1e6, rate)
    finally:
        for future in pending:
            future.cancel()


def _fetch(client: Any, bucket: str, part: _Range) -> int:
    """One range into its place in the .part file. Returns its length in bytes."""
    from botocore import exceptions as botocore

    at, failures = part.start, 0
    descriptor = os.open(_part(part.wanted), os.O_WRONLY | os.O_CREAT, 0o644)
    try:
        while at < part.stop:
            before = at
            try:
                for block in _blocks(client, bucket, part.wanted, at, part.stop):
                    at += os.pwrite(descriptor, block, at)
            except (
                botocore.ClientError,
                botocore.ConnectionError,
                botocore.HTTPClientError,
                botocore.IncompleteReadError,
            ) as error:
                _raise_if_final(error, part.wanted)
                failures = 0 if at > before else failures + 1
                if failures >= _TRIES:
                    raise
                log.info("%s: %s; goes on at byte %d", part.wanted.key, error, at)
                time.sleep(min(10.0, 0.2 * 2**failures) * random.uniform(0.5, 1))  # noqa: S311 - spreads load
    finally:
        os.close(descriptor)
    with _note(part.wanted).open("a") as note:
        note.write(f"{part.index}\n")
    return part.stop - part.start


def _blocks(client: Any, bucket: str, wanted: Wanted, start: int, stop: int) -> Iterator[memoryview]:
    """The bytes from `start` to `stop`, in blocks of one buffer. Raises SourceChanged for another object's."""
    answer = client.get_object(
        Bucket=bucket, Key=wanted.key, IfMatch=f'"{wanted.etag}"', Range=f"bytes={start}-{stop - 1}"
    )
    if answer["ETag"].strip('"') != wanted.etag or answer["ContentLength"] != stop - start:
        raise SourceChanged(wanted.key)
    body, buffer = answer["Body"], memoryview(bytearray(min(_BLOCK, stop - start)))
    try:
        while count := body.readinto(buffer):
            yield buffer[:count]
    finally:
        body.close()


def _finish(client: Any, bucket: str, wanted: Wanted) -> int:
    """Check the whole file against its ETag and give it its name; fetch it once more when it does not fit."""
    for last in (False, True):
        if not wanted.size:
            _part(wanted).touch()
        if _part(wanted).stat().st_size == wanted.size and _fits(client, bucket, wanted):
            _part(wanted).rename(wanted.target)
            _note(wanted).unlink(missing_ok=True)
            return wanted.size
        _forget(wanted)
        if not last:
            log.warning("%s: what arrived does not match its checksum; it is fetched again", wanted.key)
            for part in _missing_ranges(wanted):
                _fetch(client, bucket, part)
    raise FirstpassError(
        f"s3://{bucket}/{wanted.key}: what arrives does not match its ETag {wanted.etag}",
        "upload the object again: it, or the way to it, is damaged",
    )


def _fits(client: Any, bucket: str, wanted: Wanted) -> bool:
    """Whether the file is what the ETag says: the MD5 of it, or of its parts' MD5s.

    Storage that encrypts by key service has ETags that say nothing about the bytes: then the size must do, and HTTPS.
    """
    plain, _, count = wanted.etag.partition("-")
    if len(plain) != 32 or not (count.isdigit() or not count):
        return True
    if not count and _md5(wanted, wanted.size) == plain:
        return True
    first = client.head_object(Bucket=bucket, Key=wanted.key, **({"PartNumber": 1} if count else {}))
    if str(first.get("ServerSideEncryption", "")).startswith("aws:kms") or "SSECustomerAlgorithm" in first:
        return True
    if not count:
        return False
    length = first["ContentLength"]
    if -(-wanted.size // length) != int(count):
        return True  # the storage does not tell how the object was cut
    return _md5(wanted, length) == plain


def _md5(wanted: Wanted, part_length: int) -> str:
    """MD5 of the file if it is one part, else of its parts' MD5s, as S3 builds ETags."""
    digests = []
    with _part(wanted).open("rb") as file:
        for _ in range(max(1, -(-wanted.size // max(1, part_length)))):
            digest, left = md5(usedforsecurity=False), part_length
            while left and (block := file.read(min(_BLOCK, left))):
                digest.update(block)
                left -= len(block)
            digests.append(digest)
    if len(digests) == 1 and "-" not in wanted.etag:
        return digests[0].hexdigest()
    return md5(b"".join(digest.digest() for digest in digests), usedforsecurity=False).hexdigest()


def _missing_ranges(wanted: Wanted) -> list[_Range]:
    """The ranges that no earlier try has noted; an earlier try at another ETag counts for nothing."""
    length = max(RANGE, -(-wanted.size // 20))
    head = f"{wanted.etag} {wanted.size} {length}"
    lines = _note(wanted).read_text().splitlines() if _note(wanted).is_file() and _part(wanted).is_file() else []
    if lines[:1] != [head]:
        _forget(wanted)
        _note(wanted).write_text(f"{head}\n")
        lines = []
    have = {int(line) for line in lines[1:] if line.isdigit()}
    starts = range(0, wanted.size, length)
    return [_Range(wanted, i, at, min(at + length, wanted.size)) for i, at in enumerate(starts) if i not in have]


def _raise_if_final(error: Exception, wanted: Wanted) -> None:
    """Another try helps against a busy server and a lost connection, not against these."""
    code = str(getattr(error, "response", {}).get("Error", {}).get("Code", ""))
    status = getattr(error, "response", {}).get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in {"PreconditionFailed", "NoSuchKey", "InvalidRange"} or status in {404, 412, 416}:
        raise SourceChanged(wanted.key) from error
    if 400 <= status < 500 and status not in {408, 429}:
        raise error


def _check_space(ranges: list[_Range]) -> None:
    if not ranges:
        return
    folder = ranges[0].wanted.target.parent
    needed, free = sum(part.stop - part.start for part in ranges), shutil.disk_usage(folder).free
    if needed > free:
        raise FirstpassError(
            f"{needed / 1e6:.0f} MB are to come, but {folder} has {free / 1e6:.0f} MB left",
            "free space, then sync again",
        )


def _forget(wanted: Wanted) -> None:
    _part(wanted).unlink(missing_ok=True)
    _note(wanted).unlink(missing_ok=True)


def _part(wanted: Wanted) -> Path:
    return wanted.target.with_name(wanted.target.name + ".part")


def _note(wanted: Wanted) -> Path:
    return wanted.target.with_name(wanted.target.name + ".ranges")

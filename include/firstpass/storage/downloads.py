"""Many objects from S3 to local files at once: in ranges, resumable, verified.

A file is cut into ranges that are fetched side by side, whatever file they are of. Each range that is whole is noted
beside the file, so that a download that was cut continues where it stopped. Every request names the ETag that was
listed: an object replaced in the meantime is noticed, never mixed.
"""

from __future__ import annotations

import logging
import os
import random
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from firstpass.errors import FirstpassError
from firstpass.storage import checksums
from firstpass.storage.checksums import Checksum, PartDigests
from firstpass.storage.space import ask_for_space

log = logging.getLogger("firstpass")

WORKERS = 10  # connections; botocore's own pool holds as many
RANGE = 32 * 2**20  # bytes; twice that for large files, since each range costs the storage a request
_BLOCK = 2**18  # bytes in memory for each connection
_TRIES = 6  # without a byte received
_SECONDS_BETWEEN_LINES = 5


class SourceChanged(Exception):
    """An object was replaced or removed since it was listed."""


@dataclass(frozen=True, slots=True)
class WantedObject:
    """One object to fetch: key, size in bytes and ETag as listed; target: the local file."""

    key: str
    size: int
    etag: str
    target: Path


@dataclass(slots=True)
class _File:
    """One object on its way. missing: its ranges still to come. checksum: what an answer said of the whole object."""

    wanted: WantedObject
    missing: list[_Range]
    checksum: Checksum | None = None
    seen: PartDigests = field(default_factory=PartDigests)


@dataclass(frozen=True, slots=True)
class _Range:
    index: int
    start: int
    stop: int


def download(client: Any, bucket: str, wanted: list[WantedObject]) -> None:
    """Fetch every object; a target appears only when it is whole and its checksum fits.

    What is there already of an earlier try (target.part, target.ranges) is used. Memory stays bounded, whatever the
    sizes. Progress goes to the log every few seconds.
    Raises SourceChanged for an object that is not what was listed, Unavailable for a disk without room for it,
    FirstpassError for bytes that twice do not match the ETag, and botocore's own errors for what stays wrong after
    retries.
    """
    for item in wanted:
        item.target.parent.mkdir(parents=True, exist_ok=True)
    files = [_File(item, _missing_ranges(item)) for item in wanted if not item.target.is_file()]
    total = sum(part.stop - part.start for file in files for part in file.missing)
    if files:
        folder = files[0].wanted.target.parent
        ask_for_space(total, folder, f"the download into {folder}")
    with ThreadPoolExecutor(WORKERS, thread_name_prefix="download") as pool:
        _run(pool, client, bucket, files, total)


def _run(pool: ThreadPoolExecutor, client: Any, bucket: str, files: list[_File], total: int) -> None:
    """Fetch side by side, and check each file as soon as it is whole; the first error stops what did not start."""
    running = {pool.submit(_fetch, client, bucket, file, part) for file in files for part in list(file.missing)}
    coming, fetched, started = list(files), 0, time.monotonic()
    told = started
    try:
        while running or coming:
            for file in [file for file in coming if not file.missing]:
                coming.remove(file)
                running.add(pool.submit(_finish, client, bucket, file))
            done, running = wait(running, timeout=1, return_when=FIRST_COMPLETED)
            fetched += sum(future.result() for future in done)
            if time.monotonic() - told > _SECONDS_BETWEEN_LINES:
                told = time.monotonic()
                log.info("%d of %d MB, %.0f MB/s", fetched / 1e6, total / 1e6, fetched / (told - started) / 1e6)
    finally:
        for future in running:
            future.cancel()


def _fetch(client: Any, bucket: str, file: _File, part: _Range) -> int:
    """One range into its place in the .part file. Returns its length in bytes."""
    from botocore import exceptions as botocore

    at, failures = part.start, 0
    descriptor = os.open(_part(file.wanted), os.O_WRONLY | os.O_CREAT, 0o644)
    try:
        while at < part.stop:
            before = at
            try:
                for block in _blocks(client, bucket, file, at, part.stop):
                    os.pwrite(descriptor, block, at)
                    file.seen.update(at, block)
                    at += len(block)
            except (
                botocore.ClientError,
                botocore.ConnectionError,
                botocore.HTTPClientError,
                botocore.IncompleteReadError,
            ) as error:
                _raise_if_final(error, file.wanted)
                failures = 0 if at > before else failures + 1
                if failures >= _TRIES:
                    raise
                log.info("%s: %s; continues at byte %d", file.wanted.key, error, at)
                time.sleep(min(10.0, 0.2 * 2**failures) * random.uniform(0.5, 1))  # noqa: S311 - spreads load
    finally:
        os.close(descriptor)
    with _note(file.wanted).open("a") as note:
        note.write(f"{part.index}\n")
    file.missing.remove(part)
    return part.stop - part.start


def _blocks(client: Any, bucket: str, file: _File, start: int, stop: int) -> Iterator[bytes]:
    """The bytes from `start` to `stop`, in blocks within a common part. Raises SourceChanged for another object's."""
    wanted, left = file.wanted, stop - start
    part = {"ChecksumMode": "ENABLED"} if left == wanted.size else {"Range": f"bytes={start}-{stop - 1}"}
    answer = client.get_object(Bucket=bucket, Key=wanted.key, IfMatch=f'"{wanted.etag}"', **part)
    if answer["ETag"].strip('"') != wanted.etag or answer["ContentLength"] != left:
        raise SourceChanged(wanted.key)
    if left == wanted.size:
        file.checksum = checksums.of_answer(answer)
    body = answer["Body"]
    try:
        while left:
            block = body.read(min(_BLOCK - (stop - left) % _BLOCK, left))  # raises IncompleteReadError at an early end
            yield block
            left -= len(block)
    finally:
        body.close()


def _finish(client: Any, bucket: str, file: _File) -> int:
    """Check the whole file against its ETag and give it its name; fetch it once more when it does not fit."""
    wanted = file.wanted
    for last in (False, True):
        if not wanted.size:
            _part(wanted).touch()
        if _part(wanted).stat().st_size == wanted.size and _fits(client, bucket, file):
            _part(wanted).rename(wanted.target)
            _note(wanted).unlink(missing_ok=True)
            return 0
        _forget(wanted)
        if not last:
            log.warning("%s: what arrived does not match its checksum; it is fetched again", wanted.key)
            file.missing = _missing_ranges(wanted)
            for part in list(file.missing):
                _fetch(client, bucket, file, part)
    raise FirstpassError(
        f"s3://{bucket}/{wanted.key}: what arrives does not match its ETag {wanted.etag}",
        "upload the object again: it, or the way to it, is damaged",
    )


def _fits(client: Any, bucket: str, file: _File) -> bool:
    """Whether the file is what was uploaded, by the storage's checksum of it or else by its ETag.

    An ETag of storage that encrypts by key service says nothing about the bytes: then the size must do, and HTTPS. So
    it must where the storage does not tell how it cut the object into parts.
    """
    wanted, where = file.wanted, {"Bucket": bucket, "Key": file.wanted.key}
    if file.checksum is None and wanted.size > RANGE:  # no answer told, since each brought a part only
        file.checksum = checksums.of_answer(client.head_object(**where, ChecksumMode="ENABLED"))
    checksum = file.checksum or checksums.of_etag(wanted.etag)
    if checksum is None or file.seen.fit(wanted.size, checksum):
        return True
    if not checksum.parts and checksums.fits(_part(wanted), checksum, 0):
        return True
    first = client.head_object(**where, **({"PartNumber": 1} if checksum.parts else {}))
    encrypted = str(first.get("ServerSideEncryption", "")).startswith("aws:kms") or "SSECustomerAlgorithm" in first
    if encrypted and checksum.algorithm == "MD5":
        return True
    if not checksum.parts:
        return False
    length = first["ContentLength"]
    return -(-wanted.size // length) != checksum.parts or checksums.fits(_part(wanted), checksum, length)


def _missing_ranges(wanted: WantedObject) -> list[_Range]:
    """The ranges that no earlier try has noted; an earlier try at another ETag counts for nothing."""
    length = RANGE if wanted.size <= 10 * RANGE else 2 * RANGE
    head = f"{wanted.etag} {wanted.size} {length}"
    lines = _note(wanted).read_text().splitlines() if _note(wanted).is_file() and _part(wanted).is_file() else []
    if lines[:1] != [head]:
        _forget(wanted)
        _note(wanted).write_text(f"{head}\n")
        lines = []
    have = {int(line) for line in lines[1:] if line.isdigit()}
    starts = range(0, wanted.size, length)
    return [_Range(i, at, min(at + length, wanted.size)) for i, at in enumerate(starts) if i not in have]


def _raise_if_final(error: Exception, wanted: WantedObject) -> None:
    """Another try helps against a busy server and a lost connection, not against these."""
    code = str(getattr(error, "response", {}).get("Error", {}).get("Code", ""))
    status = getattr(error, "response", {}).get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in {"PreconditionFailed", "NoSuchKey", "InvalidRange"} or status in {404, 412, 416}:
        raise SourceChanged(wanted.key) from error
    if 400 <= status < 500 and status not in {408, 429}:
        raise error


def _forget(wanted: WantedObject) -> None:
    _part(wanted).unlink(missing_ok=True)
    _note(wanted).unlink(missing_ok=True)


def _part(wanted: WantedObject) -> Path:
    return wanted.target.with_name(wanted.target.name + ".part")


def _note(wanted: WantedObject) -> Path:
    return wanted.target.with_name(wanted.target.name + ".ranges")

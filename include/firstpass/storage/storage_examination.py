"""Whether storage can be used: a probe object is written, listed, read and deleted again."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4

from firstpass import findings, storage
from firstpass.errors import FirstpassError
from firstpass.findings import Finding

_PROBE = b"firstpass doctor"
_FIX = (
    "let the credentials list, read, write and delete there (s3:ListBucket, GetObject, PutObject, DeleteObject), or"
    " make the folder writable for this user"
)
_FIX_READ = "let the credentials list and read there (s3:ListBucket, s3:GetObject), or correct the address"


def examine_writable(item: str, uri: str) -> Finding:
    """A place that runs write to. A local folder that is not there yet stays so."""
    if not storage.is_s3(uri):
        folder = storage.local_path(uri)
        if not folder.exists():
            return _not_there_yet(item, folder)
    probe = storage.join(uri, ".firstpass-doctor", uuid4().hex)
    steps: dict[str, Callable[[], Any]] = {
        "written to": lambda: storage.write(probe, _PROBE),
        "listed": lambda: _must([entry.uri for entry in storage.listing(probe.rpartition("/")[0])]),
        "read": lambda: _must(storage.read(probe) == _PROBE),
        "deleted from": lambda: storage.delete(probe),
    }
    failed = _try(item, uri, steps)
    if not storage.is_s3(uri):
        _remove_folder(storage.local_path(probe).parent)
    return failed or findings.ok(item, f"{uri} can be written, listed, read and deleted")


def examine_readable(item: str, uri: str, connection: str = "") -> Finding:
    """A place that models come from. connection: the Airflow connection for S3, empty for the process's own client."""
    if not storage.is_s3(uri):
        if storage.local_path(uri).is_dir():
            return findings.ok(item, uri)
        return findings.warning(item, f"{uri} is not there", "correct the address, or put the first model there")
    bucket, prefix = storage.bucket_of(uri), storage.key_of(uri)

    def look() -> None:
        if connection:
            storage.s3_of(connection).list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)
        else:
            list(islice(storage.listing(uri), 1))

    return _try(item, uri, {"listed": look}, _FIX_READ) or findings.ok(item, f"{uri} can be listed")


def _try(item: str, uri: str, steps: dict[str, Callable[[], Any]], fix: str = _FIX) -> Finding | None:
    for verb, step in steps.items():
        try:
            step()
        except FirstpassError as error:
            return findings.problem(item, f"{uri} cannot be {verb}: {error.problem}", error.fix)
        except Exception as error:
            return findings.problem(item, f"{uri} cannot be {verb}: {type(error).__name__}: {error}", fix)
    return None


def _must(true: object) -> None:
    if not true:
        raise FirstpassError("what was written is not there", "see whether something else removes files there")


def _not_there_yet(item: str, folder: Path) -> Finding:
    parent = next(path for path in folder.absolute().parents if path.exists())
    if os.access(parent, os.W_OK | os.X_OK):
        return findings.ok(item, f"{folder} is not there yet: the first run makes it")
    return findings.problem(item, f"{folder} is not there, and {parent} is not writable for this user", _FIX)


def _remove_folder(folder: Path) -> None:
    with suppress(OSError):  # another doctor is at work in it, or it was never made
        folder.rmdir()

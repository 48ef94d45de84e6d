"""Storage by URI: a local folder or S3, behind one handful of functions.

A URI is `s3://bucket/key`, `file:///path` or a plain absolute path. Writes are atomic: a reader sees the whole file or
none. Nothing here retries beyond botocore's own retries, but for a process that waits in place (`firstpass.waiting`),
and nothing is cached. Storage that is away or full raises Unavailable, one that is read-only FirstpassError.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, unquote_to_bytes

from firstpass import resolvers
from firstpass.errors import FirstpassError
from firstpass.outages import outage
from firstpass.settings import settings
from firstpass.storage.file_errors import file_errors
from firstpass.waiting import waits_in_place

_MOST_DELETED = 1000  # keys of one request: S3's own limit


@dataclass(frozen=True, slots=True)
class Entry:
    """One stored object: its URI, its size in bytes, and an etag that changes with its content."""

    uri: str
    size: int
    etag: str


def is_s3(uri: str) -> bool:
    """Whether the URI names object storage rather than a file."""
    return uri.startswith("s3://")


def join(uri: str, *parts: str) -> str:
    """`uri` with path parts added by single slashes."""
    return "/".join([uri.rstrip("/"), *(part.strip("/") for part in parts)])


def local_path(uri: str) -> Path:
    """The path that a `file://` URI or a plain path names. Raises ValueError for s3://."""
    if is_s3(uri):
        raise ValueError(f"{uri} is not a local path")
    return Path(os.fsdecode(unquote_to_bytes(uri.removeprefix("file://")))) if uri.startswith("file://") else Path(uri)


def file_uri(path: Path) -> str:
    """The `file://` URI of an absolute path; every character survives, undecodable bytes included."""
    return "file://" + quote(os.fsencode(path))


@waits_in_place
def read(uri: str) -> bytes:
    """The whole object. Raises FileNotFoundError when there is none, PermissionError when it may not be read."""
    if not is_s3(uri):
        with file_errors(uri):
            return local_path(uri).read_bytes()
    bucket, key = _split(uri)
    with file_errors(uri):
        body: bytes = s3().get_object(Bucket=bucket, Key=key)["Body"].read()
    return body


@waits_in_place
def write(uri: str, data: bytes) -> None:
    """Write atomically, replacing what was there. A write that fails leaves nothing behind.

    A local file is for its owner and group (0640), and so are the folders that have to be made for it (0750).
    Raises Unavailable when storage is full or away, FirstpassError when it is read-only or may not be written.
    """
    if is_s3(uri):
        bucket, key = _split(uri)
        with file_errors(uri):
            s3().put_object(Bucket=bucket, Key=key, Body=data)
        return
    with _replacing(local_path(uri)) as file:
        file.write(data)


@waits_in_place
def store_file(path: Path, uri: str) -> None:
    """Like `write`, with the content of a local file, a piece at a time."""
    with path.open("rb") as source:
        if is_s3(uri):
            bucket, key = _split(uri)
            with file_errors(uri):
                s3().upload_fileobj(source, bucket, key)
            return
        with _replacing(local_path(uri)) as file:
            shutil.copyfileobj(source, file, 2**20)


@contextmanager
def as_file(uri: str) -> Iterator[Path]:
    """The object as a local file to read from; one of object storage is fetched, and gone at the end.

    Raises FileNotFoundError when there is none, PermissionError when it may not be read.
    """
    if not is_s3(uri):
        with file_errors(uri):
            local_path(uri).open("rb").close()
        yield local_path(uri)
        return
    with tempfile.NamedTemporaryFile(prefix="firstpass-") as file:
        _fetch(uri, file)
        yield Path(file.name)


@waits_in_place
def _fetch(uri: str, file: IO[bytes]) -> None:
    bucket, key = _split(uri)
    file.seek(0)
    file.truncate()
    with file_errors(uri):
        s3().download_fileobj(bucket, key, file)
    file.flush()


@contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file to write, which takes its place when the block ends, and is gone when it raises."""
    try:
        _make_folder(path.parent)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, 0o640)  # noqa: PTH101 - mkstemp's 0600 would shut out the pod's or the UI's user
            os.replace(temporary, path)  # noqa: PTH105
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)  # noqa: PTH108
            raise
    except OSError as error:
        raise outage(error, f"cannot write {path}") or FirstpassError(
            f"cannot write {path}: {error.strerror}",
            f"make {path.parent} writable for this user, and the disk too (FIRSTPASS_STORAGE says where storage is); "
            "then run again: what is finished is kept",
        ) from error


def _make_folder(path: Path) -> None:
    """Like `mkdir(parents=True)`, which would leave the parents open to everybody."""
    if not path.is_dir():
        _make_folder(path.parent)
        path.mkdir(mode=0o750, exist_ok=True)


@waits_in_place
def exists(uri: str) -> bool:
    """Whether there is an object of exactly this URI."""
    if not is_s3(uri):
        return local_path(uri).is_file()
    bucket, key = _split(uri)
    try:
        with file_errors(uri):
            s3().head_object(Bucket=bucket, Key=key)
    except FileNotFoundError:
        return False
    return True


def listing(uri: str) -> Iterator[Entry]:
    """Every object below `uri`, in order of key, page by page: memory stays bounded however many there are.

    Local symbolic links are not followed. A prefix without objects gives nothing; a bucket that does not exist or may
    not be listed raises FileNotFoundError or PermissionError.
    """
    if is_s3(uri):
        bucket, prefix = _split(uri)
        prefix = prefix.rstrip("/") + "/" if prefix else ""
        with file_errors(uri):
            for page in s3().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
                for item in page.get("Contents", ()):
                    if not item["Key"].endswith("/"):
                        yield Entry(f"s3://{bucket}/{item['Key']}", item["Size"], item["ETag"].strip('"'))
        return
    for folder, folders, names in os.walk(local_path(uri)):
        folders.sort()
        for name in sorted(names):
            path = Path(folder, name)
            stat = path.lstat()
            yield Entry(str(path), stat.st_size, f"{stat.st_size}-{stat.st_mtime_ns}")


@waits_in_place
def delete(uri: str) -> None:
    """Remove one object or everything below it; what is not there is not an error.

    A local symbolic link is removed itself, and not what it leads to. Raises PermissionError where something may not be
    removed; what was removed before that is gone.
    """
    if not is_s3(uri):
        path = local_path(uri)
        with file_errors(uri):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        return
    from botocore.exceptions import ClientError

    bucket, key = _split(uri)
    with file_errors(uri):
        s3().delete_object(Bucket=bucket, Key=key)
    entries = listing(uri)
    while batch := [{"Key": _split(entry.uri)[1]} for entry in islice(entries, _MOST_DELETED)]:
        with file_errors(uri):
            answer = s3().delete_objects(Bucket=bucket, Delete={"Objects": batch, "Quiet": True})
            for refused in answer.get("Errors", ()):
                raise ClientError({"Error": refused}, "DeleteObjects")


_s3_factory: Callable[[], Any] | None = None


def use_s3(factory: Callable[[], Any] | None) -> None:
    """Take the S3 client from `factory` from now on (None: as the settings say again)."""
    global _s3_factory
    _s3_factory = factory
    s3.cache_clear()


def s3_of(connection: str) -> Any:
    """The boto3 S3 client of an Airflow connection; this process's own where that is empty."""
    return resolvers.s3_client(connection) if connection else s3()


@lru_cache(maxsize=1)
def s3() -> Any:
    """The boto3 S3 client of this process: thread-safe, made once.

    From `use_s3`'s factory if one was given, else of the Airflow connection FIRSTPASS_S3_CONN_ID, else from boto3's own
    chain (environment, IRSA, instance role) and the setting FIRSTPASS_S3_ENDPOINT.
    """
    if _s3_factory is not None:
        return _s3_factory()
    if settings().s3_conn_id:
        return resolvers.s3_client(settings().s3_conn_id)
    import boto3
    from botocore.config import Config

    endpoint = settings().s3_endpoint
    config = Config(
        retries={"mode": "standard", "max_attempts": 5},
        max_pool_connections=64,
        connect_timeout=10,
        read_timeout=60,
        s3={"addressing_style": "path"} if endpoint else {},
    )
    return boto3.client("s3", endpoint_url=endpoint or None, config=config)


def bucket_of(uri: str) -> str:
    """The bucket of an s3:// URI."""
    return _split(uri)[0]


def key_of(uri: str) -> str:
    """The key of an s3:// URI."""
    return _split(uri)[1]


def _split(uri: str) -> tuple[str, str]:
    """Bucket and key. Keys may hold '?', '#' and '%', so this is no URL parsing."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key

"""What lies at a source: the newest complete model under a folder or prefix, found with one listing.

Training workflows leave a model at <run>/output/model/; a bare folder with the same files does as well. A run that is
still being uploaded is not complete and is skipped.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from firstpass import storage
from firstpass.errors import FirstpassError
from firstpass.models import artifacts
from firstpass.models.model_sources import ModelSource

log = logging.getLogger("firstpass")


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file at a source. key: in its bucket, or a path. modified: by the source's own clock. size: bytes."""

    key: str
    size: int
    etag: str
    modified: datetime


@dataclass(frozen=True, slots=True)
class FoundModel:
    """A complete model at a source.

    uri: its folder. files: name in the store → file. etag: changes when any of the files or the source's options do.
    """

    uri: str
    kind: str
    files: dict[str, SourceFile]
    etag: str

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for file in self.files.values())


def newest(source: ModelSource, client: Any) -> FoundModel:
    """The model to sync from `source`: in its folder itself, else in the newest complete folder anywhere below.

    Newest goes by the source's own times, never by this machine's clock. client: boto3's S3 client, unused for folders.
    Raises FirstpassError when there is nothing complete, saying what is missing where, or access is denied.
    """
    folders: dict[str, dict[str, SourceFile]] = {}
    for path, file in _listing(source.uri, client):
        folder, name = _split(path)
        if artifacts.is_wanted(name):
            folders.setdefault(folder, {})[name] = file
    complete: list[tuple[bool, datetime, str, FoundModel]] = []
    faults: list[tuple[datetime, FirstpassError]] = []
    for folder, files in folders.items():
        where = storage.join(source.uri, folder) if folder else source.uri
        changed = max(file.modified for file in files.values())
        try:
            artifact = artifacts.recognise(files, where)
        except FirstpassError as error:
            faults.append((changed, error))
            continue
        kept = {name: files[found] for name, found in artifact.files.items()}
        changed = max(file.modified for file in kept.values())
        complete.append((folder == "", changed, folder, FoundModel(where, artifact.kind, kept, _etag(kept, source))))
    if complete:
        _, changed, _, chosen = max(complete, key=lambda item: item[:3])
        for newer in (fault for time, fault in faults if time > changed):
            log.warning("skipped, not complete: %s", newer.problem)
        return chosen
    if faults:
        raise max(faults, key=lambda item: item[0])[1]
    raise FirstpassError(
        f"{source.uri}: there is no model", "check the address; wanted is a folder with classes.csv and weights"
    )


def _listing(uri: str, client: Any) -> Iterator[tuple[str, SourceFile]]:
    """Every file below, with its path relative to `uri`."""
    if not storage.is_s3(uri):
        yield from _local_listing(Path(uri))
        return
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    prefix = f"{prefix}/" if prefix else ""
    odd = 0
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in page.get("Contents", ()):
            path = item["Key"].removeprefix(prefix)
            if {".", ".."} & set(path.split("/")):
                odd += 1  # HTTP clients resolve these, and would fetch another object
                continue
            yield path, SourceFile(item["Key"], item["Size"], item["ETag"].strip('"'), item["LastModified"])
    if odd:
        log.warning("%s: %d keys with . or .. in their path are skipped", uri, odd)


def _local_listing(root: Path) -> Iterator[tuple[str, SourceFile]]:
    if not root.is_dir():
        raise FirstpassError(f"{root} is not a folder", "give the folder that holds the model, or a folder of runs")
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = Path(folder, name)
            if path.is_file():
                stat = path.stat()
                modified = datetime.fromtimestamp(stat.st_mtime, UTC)
                etag = f"{stat.st_size}-{stat.st_mtime_ns}"
                yield path.relative_to(root).as_posix(), SourceFile(str(path), stat.st_size, etag, modified)


def _split(path: str) -> tuple[str, str]:
    """A file's model folder, and its name in there: some kinds have files in folders of their own."""
    folder, _, name = path.rpartition("/")
    for part in artifacts.sub_folders():
        if f"/{folder}".endswith(f"/{part}"):
            return folder.removesuffix(part).rstrip("/"), f"{part}/{name}"
    return folder, name


def _etag(files: dict[str, SourceFile], source: ModelSource) -> str:
    parts = [[name, file.key, file.size, file.etag] for name, file in sorted(files.items())]
    return sha256(json.dumps([parts, dict(source.options)], sort_keys=True, default=str).encode()).hexdigest()

"""The model store: <store>/<name>/<version>/{model.json, classes.csv, weights}, a folder or an s3:// prefix.

A version is there when its model.json is, and that arrives last: in a folder by one rename of the whole, in object
storage by the order of writing. A version that was admitted never changes again. Of a refused one only the record and
the small files are kept.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import file_digest
from pathlib import Path
from typing import Any

from firstpass import storage
from firstpass.errors import FirstpassError
from firstpass.models.artifacts import MAX_TEXT_BYTES
from firstpass.models.version import ModelFile, ModelVersion
from firstpass.settings import settings

log = logging.getLogger("firstpass")

RECORD = "model.json"
_SWEEP_AFTER = 24 * 3600  # seconds
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9_-])?", re.ASCII)


def check_name(name: str) -> str:
    """`name`, if it may name a model (and so a folder). Raises FirstpassError otherwise."""
    if not _NAME.fullmatch(name) or ".." in name:
        raise FirstpassError(
            f"{name[:100]!r} cannot name a model",
            "use 1 to 100 letters, digits, '.', '_' and '-', starting with a letter or digit, ending in none of '.'",
        )
    return name


def model_uri(name: str) -> str:
    """The folder of a model, its versions below it."""
    return storage.join(settings().models, check_name(name))


def version_uri(version: ModelVersion) -> str:
    """The folder of a version."""
    return storage.join(model_uri(version.name), version.version)


def load_version(uri: str) -> ModelVersion:
    """The version whose folder is `uri`. Raises FirstpassError when there is none or its record is damaged."""
    record = storage.join(uri, RECORD)
    try:
        data = storage.read(record)
        version = ModelVersion.from_json(data[:MAX_TEXT_BYTES].decode())
    except FileNotFoundError as error:
        raise FirstpassError(f"{uri} holds no model version", "`firstpass models list` shows what there is") from error
    except (ValueError, KeyError, TypeError) as error:
        raise FirstpassError(
            f"{record} is damaged: {error!r}", "remove the version's folder and sync the model again"
        ) from error
    return version


def versions(name: str | None = None) -> list[ModelVersion]:
    """Every version in the store, or of one model, the newest decision first; refused ones too.

    A damaged record is logged and left out, so that it never hides the others.
    """
    found = []
    for uri in _version_uris(check_name(name) if name else None):
        try:
            version = load_version(uri)
        except FirstpassError as error:
            log.warning("%s", error)
            continue
        if uri.endswith(f"/{version.name}/{version.version}"):
            found.append(version)
    return sorted(found, key=lambda v: (v.decided_at, v.version), reverse=True)


def names() -> list[str]:
    """The models that the store has something of, in alphabetical order."""
    if storage.is_s3(settings().models):
        return sorted({version.name for version in versions()})
    folders = storage.local_path(settings().models).glob("*/")
    return sorted(folder.name for folder in folders if _NAME.fullmatch(folder.name))


def fingerprint(folder: Path) -> tuple[ModelFile, ...]:
    """The files below `folder`, by name, each with its sha256 and size; the record itself left out."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != RECORD)
    return tuple(ModelFile(p.relative_to(folder).as_posix(), sha256_of(p), p.stat().st_size) for p in paths)


def sha256_of(path: Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


@contextmanager
def lock(what: str) -> Iterator[None]:
    """Hold `what` (a file name) on this machine: whoever else asks for it waits. It falls with its process."""
    folder = workshop(".locks")
    with _writing(folder):
        descriptor = os.open(folder / what, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def staging() -> Iterator[Path]:
    """An empty folder on the store's own file system, so that a rename can bring it in; removed afterwards."""
    parent = workshop(".staging")
    with _writing(parent):
        folder = Path(tempfile.mkdtemp(dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def workshop(name: str) -> Path:
    """A hidden folder for work in progress: in the store, or in the cache when the store is s3://.

    What killed processes left in it more than a day ago is swept out.
    """
    store = settings().models
    folder = (Path(settings().cache) if storage.is_s3(store) else storage.local_path(store)) / name
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.iterdir():
            with suppress(FileNotFoundError):  # somebody else's, and done with
                if left.is_dir() and left.stat().st_mtime < time.time() - _SWEEP_AFTER:
                    shutil.rmtree(left, ignore_errors=True)
    return folder


def put(staged: Path, version: ModelVersion) -> ModelVersion:
    """Bring the folder `staged` in as `version`, whole or not at all. Returns what the store then holds.

    An admitted version that is there already stays as it is; a refused one is replaced. Call it under the model's lock.
    """
    uri = version_uri(version)
    if admitted := _admitted(uri):
        return admitted
    if storage.is_s3(uri):
        _upload(staged, uri)
        storage.write(storage.join(uri, RECORD), version.to_json().encode())
        return version
    target = storage.local_path(uri)
    with _writing(target):
        (staged / RECORD).write_text(version.to_json(), encoding="utf-8")
        staged.chmod(0o755)  # mkdtemp's 0700 would shut out the pod's user
        target.parent.mkdir(exist_ok=True)
        shutil.rmtree(target, ignore_errors=True)
        staged.rename(target)
    return version


def remove(version: ModelVersion) -> None:
    """Take a version out of the store, its record first, so that it is never half there."""
    storage.delete(storage.join(version_uri(version), RECORD))
    storage.delete(version_uri(version))


def remembered(name: str, source: str, etag: str) -> dict[str, Any] | None:
    """What became of this content of a source: {"etag", "version", "admitted"}; None when it is new to the store.

    Also None when the version was since removed by hand from a store that is a folder: then it is wanted again.
    """
    known = _remembered(name).get(source)
    if not known or known.get("etag") != etag:
        return None
    record = storage.join(model_uri(name), str(known["version"]), RECORD)
    return known if storage.is_s3(record) or storage.exists(record) else None


def remember(name: str, source: str, etag: str, version: ModelVersion) -> None:
    """Note what a source held and what became of it, so that it is not read again until it changes."""
    note = {"etag": etag, "version": version.version, "admitted": version.admitted}
    known = json.dumps(_remembered(name) | {source: note}, indent=1, ensure_ascii=False)
    storage.write(storage.join(model_uri(name), _SOURCES), known.encode())


def _remembered(name: str) -> dict[str, dict[str, Any]]:
    try:
        known: dict[str, dict[str, Any]] = json.loads(storage.read(storage.join(model_uri(name), _SOURCES)))
    except (FileNotFoundError, ValueError):
        return {}
    return known


_SOURCES = ".sources.json"


def _version_uris(name: str | None) -> list[str]:
    store = settings().models
    if storage.is_s3(store):
        below = storage.join(store, name) if name else store
        records = (entry.uri for entry in storage.listing(below) if entry.uri.endswith(f"/{RECORD}"))
        depth = store.rstrip("/").count("/") + 3
        return [uri.rpartition("/")[0] for uri in records if uri.count("/") == depth]
    pattern = f"{name or '*'}/*/{RECORD}"
    records = (str(path.parent) for path in storage.local_path(store).glob(pattern))
    return sorted(uri for uri in records if "/." not in uri[len(store) :])


def _admitted(uri: str) -> ModelVersion | None:
    """The admitted version at `uri`, if there is one."""
    try:
        version = load_version(uri)
    except FirstpassError:
        return None
    return version if version.admitted else None


def _upload(staged: Path, uri: str) -> None:
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    for path in sorted(path for path in staged.rglob("*") if path.is_file()):
        storage.s3().upload_file(str(path), bucket, f"{prefix}/{path.relative_to(staged).as_posix()}")


@contextmanager
def _writing(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FirstpassError(
            f"cannot write {target}: {error.strerror}",
            "make the model store writable, and see that its disk is not full",
        ) from error

"""The model store: <store>/<name>/<version>/{model.json, classes.csv, weights}, a folder or an s3:// prefix.

A version is there when its model.json is, and that arrives last: in a folder by one rename of the whole, in object
storage by the order of writing. A version that was admitted never changes again. Of a refused one only the record and
the small files are kept.
"""

from __future__ import annotations

import logging
import re
import shutil
from pathlib import Path

from firstpass import storage
from firstpass.contracts.model_version import ModelVersion
from firstpass.errors import FirstpassError, Unavailable
from firstpass.models.text_files import MAX_TEXT_BYTES
from firstpass.models.version_files import RECORD
from firstpass.models.workspace import writing
from firstpass.settings import settings

log = logging.getLogger("firstpass")

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
        except Unavailable:
            raise
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
    with writing(target):
        (staged / RECORD).write_text(version.to_json(), encoding="utf-8")
        if not target.parent.exists():
            target.parent.mkdir()
            target.parent.chmod(0o755)
        # Not closed as storage is: a model is no photograph, and what runs in a container reads it as another user.
        for path in (staged, *staged.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        shutil.rmtree(target, ignore_errors=True)
        staged.rename(target)
    return version


def remove(version: ModelVersion) -> None:
    """Take a version out of the store, its record first, so that it is never half there."""
    storage.delete(storage.join(version_uri(version), RECORD))
    storage.delete(version_uri(version))


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
    except Unavailable:
        raise
    except FirstpassError:
        return None
    return version if version.admitted else None


def _upload(staged: Path, uri: str) -> None:
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    for path in sorted(path for path in staged.rglob("*") if path.is_file()):
        storage.s3().upload_file(str(path), bucket, f"{prefix}/{path.relative_to(staged).as_posix()}")

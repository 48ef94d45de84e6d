"""A version's files on this machine: where the store is s3://, a copy that is checked against its hashes every time."""

from __future__ import annotations

import shutil
from pathlib import Path

from firstpass import storage
from firstpass.contracts.model_version import ModelVersion
from firstpass.errors import FirstpassError
from firstpass.models.store import load_version
from firstpass.models.version_files import verify
from firstpass.models.workspace import lock, staging
from firstpass.settings import settings
from firstpass.storage.downloads import WantedObject, download


def local_folder(uri: str) -> Path:
    """The files of the version whose folder is `uri`, on this machine: the folder itself, or a verified copy of it.

    A copy from s3:// is kept in the cache and replaced when it is damaged. Raises FirstpassError when the version is
    gone or the store's own files do not match its record.
    """
    if not storage.is_s3(uri):
        return storage.local_path(uri)
    version = load_version(uri)
    folder = Path(settings().cache) / "models" / version.name / version.version
    with lock(f"cache-{version.name}-{version.version}"):
        try:
            verify(version, folder)
        except FirstpassError:
            _replace(uri, folder, version)
    return folder


def _replace(uri: str, folder: Path, version: ModelVersion) -> None:
    names = {file.path for file in version.files}
    stored = {entry.uri.removeprefix(f"{uri}/"): entry for entry in storage.listing(uri)}
    bucket = storage.bucket_of(uri)
    with staging() as scratch:
        wanted = [
            WantedObject(storage.key_of(entry.uri), entry.size, entry.etag, scratch / name)
            for name, entry in stored.items()
            if name in names
        ]
        download(storage.s3(), bucket, wanted)
        verify(version, scratch)
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch.rename(folder)

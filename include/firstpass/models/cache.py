"""Models of an s3:// store on this machine: downloaded once, held against their hashes every time."""

from __future__ import annotations

import shutil
from pathlib import Path

from firstpass import storage
from firstpass.errors import FirstpassError
from firstpass.models import registry, store
from firstpass.models.version import ModelVersion
from firstpass.settings import settings


def fetch(uri: str) -> Path:
    """A local folder with the files of the version at `uri`, each as its record says; a damaged copy is replaced.

    Raises FirstpassError when there is no such version or the store's own files do not match its record.
    """
    version = store.load_version(uri)
    folder = Path(settings().cache) / "models" / version.name / version.version
    with store.lock(f"cache-{version.name}-{version.version}"):
        try:
            registry.verify(version, folder)
        except FirstpassError:
            _replace(uri, folder, version)
    return folder


def _replace(uri: str, folder: Path, version: ModelVersion) -> None:
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    with store.staging() as scratch:
        for name in (file.path for file in version.files):
            target = scratch / name
            target.parent.mkdir(parents=True, exist_ok=True)
            storage.s3().download_file(bucket, f"{prefix}/{name}", str(target))
        registry.verify(version, scratch)
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch.rename(folder)

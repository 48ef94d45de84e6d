"""What became of each source's content: so that an unchanged source is neither read nor judged again."""

from __future__ import annotations

import json
from typing import Any

from firstpass import storage
from firstpass.contracts.model_version import ModelVersion
from firstpass.models.store import model_uri
from firstpass.models.version_files import RECORD

_SOURCES = ".sources.json"


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

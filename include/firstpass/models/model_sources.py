"""Where models come from: the list in models.yaml (FIRSTPASS_MODEL_SOURCES).

sources:
  - name: cats
    source: s3://training/cats/runs
    connection: aws_training
    options: {threshold: 0.6}
"""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from firstpass import storage
from firstpass.errors import FirstpassError
from firstpass.models.store import check_name
from firstpass.settings import settings

_KEYS = ("name", "source", "connection", "options")


@dataclass(frozen=True, slots=True)
class ModelSource:
    """One model's source.

    name: the model's. uri: s3://bucket/prefix or a folder; either a model's own or one with training runs below it.
    connection: Airflow connection for s3://, empty for the default. options: settings that win over model.yaml's;
    checked when the kind of the weights is known.
    """

    name: str
    uri: str
    connection: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


def read_sources() -> list[ModelSource]:
    """The configured sources, in order; none when the file is absent.

    Raises FirstpassError naming the file, the entry and the value for anything that is not such a list.
    """
    path = Path(settings().model_sources)
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise FirstpassError(f"{path} is not YAML: {error}", "correct it; its head shows an example") from error
    entries = raw.get("sources") if isinstance(raw, dict) and set(raw) == {"sources"} else raw
    if entries is None:
        return []
    if not isinstance(entries, list):
        raise FirstpassError(
            f"{path}: holds {reprlib.repr(entries)}, not a list", "write `sources:` and a list below it"
        )
    return [_source(entry, f"{path}, entry {number}") for number, entry in enumerate(entries, 1)]


def make_source(name: str, uri: str, connection: str = "", options: Mapping[str, Any] | None = None) -> ModelSource:
    """A source, its name and URI checked; a relative folder becomes an absolute one. Raises FirstpassError."""
    check_name(name)
    if storage.is_s3(uri):
        bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        if not bucket or {".", ".."} & set(prefix.split("/")):
            raise FirstpassError(f"{uri[:200]!r} is no S3 address", "write s3://bucket/prefix, without . and .. in it")
        return ModelSource(name, uri.rstrip("/"), connection, options or {})
    if "://" in uri and not uri.startswith("file://"):
        raise FirstpassError(
            f"{uri[:200]!r} is neither s3:// nor a folder", "write s3://bucket/prefix or a folder's path"
        )
    return ModelSource(name, str(storage.local_path(uri).absolute()), connection, options or {})


def _source(entry: Any, where: str) -> ModelSource:
    if not isinstance(entry, dict):
        raise FirstpassError(f"{where}: {reprlib.repr(entry)} is no source", f"give it {', '.join(_KEYS)}")
    for key in entry:
        if key not in _KEYS:
            raise FirstpassError(f"{where}: unknown key {reprlib.repr(key)}", f"the known keys are {', '.join(_KEYS)}")
    for key in ("name", "source"):
        if not isinstance(entry.get(key), str):
            raise FirstpassError(f"{where}: {key} is {reprlib.repr(entry.get(key))}", f"give the {key} as text")
    connection, options = entry.get("connection") or "", entry.get("options") or {}
    if not isinstance(connection, str) or not isinstance(options, dict):
        raise FirstpassError(
            f"{where}: connection or options do not fit",
            "connection is an Airflow connection's id, options are settings",
        )
    try:
        return make_source(entry["name"], entry["source"], connection, options)
    except FirstpassError as error:
        raise FirstpassError(f"{where}: {error.problem}", error.fix) from error

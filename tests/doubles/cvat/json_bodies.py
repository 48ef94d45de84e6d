"""Holds JSON against the models of CVAT's own SDK, and against rules of ours where those models let anything pass."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, NoReturn

from cvat_sdk import models
from cvat_sdk.api_client.exceptions import OpenApiException
from cvat_sdk.api_client.model_utils import ModelComposed, ModelNormal, validate_and_convert_types

from doubles.cvat.operations import JOB_TYPES
from doubles.cvat.state import SOURCES

Rule = Callable[[Any], bool]


def problem(body: bytes, types: tuple[Any, ...], name: str) -> str | None:
    """What is wrong with a JSON body, or None. `types` are the SDK's; `name` is what to call the body."""
    try:
        sent = json.loads(body, parse_constant=_refuse_constant)
    except ValueError as error:
        return f"{name}: no JSON: {error}"
    try:
        read = validate_and_convert_types(sent, types, [name], spec_property_naming=True, _check_type=True)
    except (OpenApiException, TypeError, ValueError) as error:
        lacks = re.sub(r"\.\w+\(\) missing \d+ required positional arguments?:", " lacks", str(error))
        return f"{name}: {lacks}"
    return next(_let_pass(sent, read, name), None)


def _refuse_constant(name: str) -> NoReturn:
    """Python writes and reads NaN and Infinity; CVAT takes neither."""
    raise ValueError(f"{name} is no number")


def _let_pass(sent: Any, read: Any, path: str) -> Iterator[str]:
    """What the SDK should not have read as it did."""
    if isinstance(read, list):
        for index, item in enumerate(sent):
            if isinstance(item, (dict, list)):
                yield from _let_pass(item, read[index], f"{path}[{index}]")
    elif isinstance(read, (ModelNormal, ModelComposed)):
        if not isinstance(sent, dict):  # the SDK takes a list for the arguments of a model's constructor
            yield f"{path}: {sent!r} is no object"
            return
        rules = RULES.get(type(read), {})
        for field, value in sent.items():
            if field in rules and not rules[field](value):
                yield f"{path}.{field}: {value!r} is not allowed"
            elif field in read.openapi_types:  # unknown fields are nobody's business, as in CVAT
                yield from _let_pass(value, read[field], f"{path}.{field}")
    elif isinstance(read, datetime) and not _is_time(sent):
        yield f"{path}: {sent!r} is no ISO 8601 time with a time zone"


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _one_of(enum: Any) -> Rule:
    allowed = [*enum.allowed_values["value",].values()]
    return lambda value: value in allowed


def _is_source(value: Any) -> bool:
    return value in SOURCES


def _are_frames(value: Any) -> bool:
    return value is None or all(frame >= 0 for frame in value)


def _are_choices(value: Any) -> bool:
    return all(len(choice) <= 200 for choice in value)


def _are_names(value: Any) -> bool:
    return all(_are_names(name) if isinstance(name, list) else 1 <= len(name) <= 1024 for name in value)


# The SDK knows no type for many an enum, no choices for `source` and no limits for what lies in a list. It is also
# newer than the server, and lacks fields that have gone since.
_FILES = ("server_files", "remote_files", "server_files_exclude", "upload_file_order", "job_file_mapping")
_CHUNKS = {name: _one_of(models.ChunkType) for name in ("data_original_chunk_type", "data_compressed_chunk_type")}
RULES: dict[type, dict[str, Rule]] = {
    models.ProjectRead: {"status": _one_of(models.JobStatus)},
    models.TaskRead: {
        **_CHUNKS,
        "status": _one_of(models.JobStatus),
        "consensus_enabled": lambda value: isinstance(value, bool),
    },
    models.JobRead: {
        **_CHUNKS,
        "status": _one_of(models.JobStatus),
        "stage": _one_of(models.JobStage),
        "state": _one_of(models.OperationStatus),
        "type": lambda value: value in JOB_TYPES,
        "consensus_replicas": lambda value: isinstance(value, int) and not isinstance(value, bool),
    },
    models.DataMetaRead: {
        "storage": _one_of(models.StorageType),
        "deleted_frames": _are_frames,
        "included_frames": _are_frames,
    },
    models.DataRequest: dict.fromkeys(_FILES, _are_names),
    models.DataRequestValidationParams: {"frames": _are_names},
    models.PatchedDataMetaWriteRequest: {"deleted_frames": _are_frames},
    models.Label: {"type": _one_of(models.LabelType)},
    models.Sublabel: {"type": _one_of(models.LabelType)},
    models.PatchedLabelRequest: {"type": _one_of(models.LabelType)},
    models.SublabelRequest: {"type": _one_of(models.LabelType)},
    models.Attribute: {"values": _are_choices},
    models.AttributeRequest: {"values": _are_choices},
    models.LabeledImage: {"source": _is_source},
    models.LabeledImageRequest: {"source": _is_source},
    models.LabeledInterval: {"source": _is_source},
    models.LabeledIntervalRequest: {"source": _is_source},
    models.LabeledShape: {"source": _is_source},
    models.LabeledShapeRequest: {"source": _is_source},
    models.LabeledTrack: {"source": _is_source},
    models.LabeledTrackRequest: {"source": _is_source},
    models.SubLabeledShape: {"source": _is_source},
    models.SubLabeledShapeRequest: {"source": _is_source},
    models.SubLabeledTrack: {"source": _is_source},
    models.SubLabeledTrackRequest: {"source": _is_source},
}

"""The records of the two kinds. TensorFlow is imported when one of them is loaded."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from firstpass.contracts.detector import Detector, WeightsInspection
from firstpass.contracts.detector_kind import DetectorKind, single_file
from firstpass.contracts.model_version import ModelVersion
from firstpass.contracts.network_profile import NetworkProfile

_MIB = 2**20
_GRAPH = "frozen_inference_graph.pb"
_IN_SAVED_MODEL = re.compile(
    r"saved_model\.pb|fingerprint\.pb|variables/variables\.(index|data-\d{5}-of-\d{5})|assets/[A-Za-z0-9][\w.-]{0,99}",
    re.ASCII,
)
_REVISION = 2  # 2: masks are pasted as the API pastes them, and keep their holes
_VARIABLES = re.compile(r"saved_model/variables/variables\.data-(\d{5})-of-(\d{5})")

SSD_MOBILENET_V2 = NetworkProfile(
    "ssd-mobilenet-v2", 70 * _MIB, 60 * _MIB, 0.018, 0.35, "measured on two CPU cores, 1280×960"
)


def _load_frozen_graph(version: ModelVersion, folder: Path, floor: float) -> Detector:
    from firstpass.models.detectors.tfod import frozen_graph

    del floor  # a graph gives what was built into it
    return frozen_graph.load(version, folder)


def _inspect_frozen_graph(folder: Path) -> WeightsInspection:
    from firstpass.models.detectors.tfod import frozen_graph

    return frozen_graph.inspect(folder)


def _load_saved_model(version: ModelVersion, folder: Path, floor: float) -> Detector:
    from firstpass.models.detectors.tfod import saved_model

    del floor
    return saved_model.load(version, folder)


def _inspect_saved_model(folder: Path) -> WeightsInspection:
    from firstpass.models.detectors.tfod import saved_model

    return saved_model.inspect(folder)


def _saved_model_name(found: str) -> str | None:
    """Training leaves the SavedModel in saved_model/; its bare content is taken as well."""
    inside = found.removeprefix("saved_model/")
    return f"saved_model/{inside}" if _IN_SAVED_MODEL.fullmatch(inside) else None


def _saved_model_lacks(names: Collection[str]) -> str | None:
    if "saved_model/variables/variables.index" not in names:
        return "saved_model/variables/variables.index"
    shards = [match for name in names if (match := _VARIABLES.fullmatch(name))]
    if not shards:
        return "saved_model/variables/variables.data-00000-of-00001"
    for count in sorted({match[2] for match in shards}):
        have = {match[1] for match in shards if match[2] == count}
        for number in range(min(int(count), 1000)):
            if f"{number:05}" not in have:
                return f"saved_model/variables/variables.data-{number:05}-of-{count}"
    return None


FROZEN_GRAPH = DetectorKind(
    name="tfod_frozen_graph",
    title="a TF Object Detection API graph",
    weights=_GRAPH,
    store_name=single_file(_GRAPH),
    families=("tfod",),
    threshold=0.5,
    revision=_REVISION,
    cost=SSD_MOBILENET_V2,
    extra="tfod",
    inspect=_inspect_frozen_graph,
    load=_load_frozen_graph,
)

SAVED_MODEL = DetectorKind(
    name="tfod_saved_model",
    title="a TF Object Detection API SavedModel",
    weights="saved_model/saved_model.pb",
    store_name=_saved_model_name,
    folders=("saved_model", "saved_model/variables", "saved_model/assets", "variables", "assets"),
    missing=_saved_model_lacks,
    yields_to=("tfod_frozen_graph",),
    families=("tfod",),
    threshold=0.5,
    revision=_REVISION,
    cost=SSD_MOBILENET_V2,
    extra="tfod",
    inspect=_inspect_saved_model,
    load=_load_saved_model,
)

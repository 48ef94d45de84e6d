"""The kinds of model that there are: found by entry point, the built-in ones too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from firstpass import entry_points
from firstpass.contracts.detector import Detector, WeightsInspection
from firstpass.contracts.detector_kind import DetectorKind
from firstpass.contracts.model_version import ModelVersion
from firstpass.errors import FirstpassError

GROUP = "firstpass.detectors"


def kinds() -> dict[str, DetectorKind]:
    """Every kind by its name. One that is broken is left out: looking it up says why."""
    return dict(_parts().found)


def kind_of(name: str) -> DetectorKind:
    """The kind of this name. Raises FirstpassError, listing what there is, for one that is not installed."""
    kind: DetectorKind = _parts().get(name, "kind of model")
    return kind


def load(version: ModelVersion, folder: Path, floor: float) -> Detector:
    """The network of `version`, whose files lie in `folder`, ready to predict what scores `floor` or more.

    Raises FirstpassError naming the file (and the node or layer) for weights that are damaged, unsafe or of another
    shape than their kind, and naming the extra where the kind's runtime is not installed.
    """
    kind = kind_of(version.kind)
    try:
        return kind.load(version, folder, floor)
    except ModuleNotFoundError as error:
        raise _no_runtime(kind, error) from error


def inspect(name: str, folder: Path) -> WeightsInspection:
    """What weights of the kind `name` in `folder` say about themselves, without being run. Raises as `load`."""
    kind = kind_of(name)
    try:
        return kind.inspect(folder)
    except ModuleNotFoundError as error:
        raise _no_runtime(kind, error) from error


def _no_runtime(kind: DetectorKind, error: ModuleNotFoundError) -> FirstpassError:
    return FirstpassError(
        f"{kind.title} cannot be run here: the Python package {error.name} is not installed",
        f"install it with the extra {kind.extra}, as in pip install 'firstpass[{kind.extra}]'"
        if kind.extra
        else f"install the package {error.name}",
    )


def _parts() -> entry_points.Parts:
    return entry_points.parts(GROUP, _is_kind)


def _is_kind(part: Any) -> bool:
    return isinstance(part, DetectorKind)

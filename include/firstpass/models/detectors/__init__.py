"""Detectors: one module per artifact kind behind one Protocol (see `base`), chosen by the version's kind.

Nothing heavy is imported until a version is loaded.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from firstpass.models.detectors.base import Detector, Inspection
from firstpass.models.version import Kind, ModelVersion


def load(version: ModelVersion, folder: Path) -> Detector:
    """The network of `version`, whose files lie in `folder`, ready to predict.

    Raises FirstpassError naming the file (and the node or layer) for an artifact that is damaged, unsafe or of another
    shape than its kind. Reads nothing but the weights: class names are the caller's.
    """
    detector: Detector = import_module(f"{__name__}.{version.kind.value}").load(version, folder)
    return detector


def inspect(kind: Kind, folder: Path) -> Inspection:
    """What the weights in `folder` say about themselves, without running them.

    Raises FirstpassError as `load` does. What cannot be read from the artifact is None, never a guess.
    """
    inspection: Inspection = import_module(f"{__name__}.{kind.value}").inspect(folder)
    return inspection

"""TF Object Detection API frozen graphs: `frozen_inference_graph.pb`, the graph and its weights in one file."""

from __future__ import annotations

from pathlib import Path

from firstpass.contracts.detector import WeightsInspection
from firstpass.contracts.model_version import ModelVersion
from firstpass.models.detectors.tfod.detector import TfodDetector
from firstpass.models.detectors.tfod.graph_classes import class_count
from firstpass.models.detectors.tfod.graph_file import read_frozen
from firstpass.models.detectors.tfod.outputs import MASKS


def load(version: ModelVersion, folder: Path) -> TfodDetector:
    """The detector over the frozen graph in `folder`. Raises FirstpassError naming the file and the node."""
    del version  # the graph says all there is to know
    return TfodDetector(read_frozen(folder))


def inspect(folder: Path) -> WeightsInspection:
    """What the graph says about itself, file, nodes and safety checked. Raises FirstpassError as `load` does."""
    file = read_frozen(folder)
    return WeightsInspection(class_count(file.graph_def), MASKS in file.outputs)

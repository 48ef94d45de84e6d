"""TF Object Detection API frozen graphs: `frozen_inference_graph.pb`, the graph and its weights in one file."""

from __future__ import annotations

from pathlib import Path

from firstpass.models.detectors.base import Inspection
from firstpass.models.detectors.graph_classes import class_count
from firstpass.models.detectors.graph_file import read_frozen
from firstpass.models.detectors.tfod_graph import TfodGraph
from firstpass.models.detectors.tfod_outputs import MASKS
from firstpass.models.version import ModelVersion


def load(version: ModelVersion, folder: Path) -> TfodGraph:
    """The detector over the frozen graph in `folder`. Raises FirstpassError naming the file and the node."""
    del version  # the graph says all there is to know
    return TfodGraph(read_frozen(folder))


def inspect(folder: Path) -> Inspection:
    """What the graph says about itself, file, nodes and safety checked. Raises FirstpassError as `load` does."""
    file = read_frozen(folder)
    return Inspection(class_count(file.graph_def), MASKS in file.outputs)

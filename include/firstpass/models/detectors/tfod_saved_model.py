"""TF Object Detection API SavedModels: `saved_model.pb` with its variables, as the API's second version leaves them.

Only the serving signature is brought to life, by hand: its nodes are imported, its variables restored from the files
beside it. TensorFlow's and Keras' own loaders, which rebuild objects and run initialisers, are not used.
"""

from __future__ import annotations

from pathlib import Path

from firstpass.models.detectors.base import Inspection
from firstpass.models.detectors.graph_classes import class_count
from firstpass.models.detectors.graph_file import read_saved
from firstpass.models.detectors.tfod_graph import TfodGraph
from firstpass.models.detectors.tfod_outputs import MASKS
from firstpass.models.version import ModelVersion


def load(version: ModelVersion, folder: Path) -> TfodGraph:
    """The detector over the SavedModel in `folder`. Raises FirstpassError naming the file, signature and node."""
    del version  # the signature says all there is to know
    return TfodGraph(read_saved(folder))


def inspect(folder: Path) -> Inspection:
    """What the signature says about itself, file, nodes and safety checked. Raises FirstpassError as `load` does."""
    file = read_saved(folder)
    return Inspection(class_count(file.graph_def), MASKS in file.outputs)

"""TF Object Detection API SavedModels: `saved_model.pb` with its variables, as the API's second version leaves them.

Only the serving signature is brought to life, by hand: its nodes are imported, its variables restored from the files
beside it. TensorFlow's and Keras' own loaders, which rebuild objects and run initialisers, are not used.
"""

from __future__ import annotations

from pathlib import Path

from firstpass.contracts.detector import WeightsInspection
from firstpass.contracts.model_version import ModelVersion
from firstpass.models.detectors.tfod.detector import TfodDetector
from firstpass.models.detectors.tfod.graph_classes import class_count
from firstpass.models.detectors.tfod.graph_file import read_saved
from firstpass.models.detectors.tfod.outputs import MASKS


def load(version: ModelVersion, folder: Path) -> TfodDetector:
    """The detector over the SavedModel in `folder`. Raises FirstpassError naming the file, signature and node."""
    del version  # the signature says all there is to know
    return TfodDetector(read_saved(folder))


def inspect(folder: Path) -> WeightsInspection:
    """What the signature says about itself, file, nodes and safety checked. Raises FirstpassError as `load` does."""
    file = read_saved(folder)
    return WeightsInspection(class_count(file.graph_def), MASKS in file.outputs)

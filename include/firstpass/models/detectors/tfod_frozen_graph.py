"""TF Object Detection API frozen graphs: `frozen_inference_graph.pb`, the graph and its weights in one file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from firstpass.errors import FirstpassError
from firstpass.models.detectors import graph_file, tfod_outputs
from firstpass.models.detectors.base import Detections, Inspection, Prepared
from firstpass.models.detectors.tf_session import new_session, tf
from firstpass.models.version import ModelVersion

INPUT = "image_tensor"


class TfodFrozenGraph:
    """The whole graph as exported: it resizes, normalises and suppresses by itself; images of one size go together."""

    def __init__(self, graph_def: Any, path: Path) -> None:
        nodes = {node.name for node in graph_def.node}
        self._names = [*tfod_outputs.REQUIRED, *([tfod_outputs.MASKS] if tfod_outputs.MASKS in nodes else [])]
        graph = tf.Graph()
        try:
            with graph.as_default():
                tf.import_graph_def(graph_def, name="")
        except ValueError as error:
            raise FirstpassError(f"{path}: {error}", "export the graph again: TensorFlow refuses this one") from error
        tensors = [graph.get_tensor_by_name(f"{name}:0") for name in self._names]
        self._run = new_session(graph).make_callable(tensors, [graph.get_tensor_by_name(f"{INPUT}:0")])

    def prepare(self, image: NDArray[np.uint8]) -> Prepared:
        """The image as it is: [height, width, 3], RGB."""
        height, width = image.shape[:2]
        return Prepared(image, width, height)

    def predict(self, batch: Sequence[Prepared]) -> list[Detections]:
        """See `Detector.predict`."""
        outputs = dict(zip(self._names, self._run(np.stack([item.pixels for item in batch])), strict=True))
        return [tfod_outputs.detections(outputs, i, item.width, item.height) for i, item in enumerate(batch)]

    def warm_up(self, batch_size: int) -> None:
        """See `Detector.warm_up`."""
        self.predict([self.prepare(np.zeros((64, 64, 3), np.uint8))] * batch_size)


def load(version: ModelVersion, folder: Path) -> TfodFrozenGraph:
    """The detector over the frozen graph in `folder`. Raises FirstpassError naming the file and the node."""
    del version  # the graph says all there is to know
    path = graph_file.frozen_path(folder)
    return TfodFrozenGraph(graph_file.read_frozen(path), path)


def inspect(folder: Path) -> Inspection:
    """What the graph says about itself, its file, nodes and safety checked. Raises FirstpassError as `load` does."""
    graph_def = graph_file.read_frozen(graph_file.frozen_path(folder))
    return Inspection(None, any(node.name == tfod_outputs.MASKS for node in graph_def.node))

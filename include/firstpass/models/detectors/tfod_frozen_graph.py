"""TF Object Detection API frozen graphs: `frozen_inference_graph.pb`, the graph and its weights in one file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from firstpass.models.detectors import graph_file, tfod_outputs
from firstpass.models.detectors.base import Detections, Inspection, Prepared, UnfitImage
from firstpass.models.detectors.graph_cut import find_cut
from firstpass.models.detectors.graph_layout import streamline
from firstpass.models.detectors.graph_view import node_of
from firstpass.models.detectors.tf_session import GraphSession, tf
from firstpass.models.version import ModelVersion

INPUT = "image_tensor"


class TfodFrozenGraph:
    """The graph as exported, or divided behind its resizing where its pattern is known; the detections are the same.

    Images of one resized size go together: the whole graph takes images of one size, a divided one any that it resizes
    to the same size.
    """

    def __init__(self, graph_def: Any, path: Path) -> None:
        nodes = {node.name for node in graph_def.node}
        self._names = [*tfod_outputs.REQUIRED, *([tfod_outputs.MASKS] if tfod_outputs.MASKS in nodes else [])]
        self._cut = find_cut(graph_def, INPUT, self._names)
        graph_def = graph_def if self._cut is None else self._cut.graph_def
        ends = [*self._cut.front, *self._cut.back] if self._cut is not None else []
        session = GraphSession(streamline(graph_def, {INPUT, *self._names, *map(node_of, ends)}), path)
        if self._cut is None:
            self._back = session.callable([INPUT], self._names)
        else:
            self._front = session.callable([INPUT], self._cut.front)
            self._back = session.callable(self._cut.back, self._names)

    def prepare(self, image: NDArray[np.uint8]) -> Prepared:
        """The image as it is, uint8 [height, width, 3]; or as the graph resizes it, float32 [h, w, 3]."""
        height, width = image.shape[:2]
        if self._cut is None:
            return Prepared(image, width, height)
        try:
            pixels, *others = self._front(image[np.newaxis])
        except tf.errors.InvalidArgumentError as error:
            reason = str(error.message).splitlines()[0]
            raise UnfitImage(f"the model's graph does not take {width}×{height}: {reason}") from error
        return Prepared(pixels[0], width, height, others)

    def predict(self, batch: Sequence[Prepared]) -> list[Detections]:
        """See `Detector.predict`."""
        feeds = [np.stack([item.pixels for item in batch])]
        if self._cut is not None:
            for i, batched in enumerate(self._cut.a_batch[1:]):
                feeds.append(np.concatenate([item.context[i] for item in batch]) if batched else batch[0].context[i])
        outputs = dict(zip(self._names, self._back(*feeds), strict=True))
        return [tfod_outputs.detections(outputs, i, item.width, item.height) for i, item in enumerate(batch)]

    def warm_up(self, batch_size: int) -> None:
        """See `Detector.warm_up`."""
        self.predict([self.prepare(np.zeros((480, 640, 3), np.uint8))] * batch_size)


def load(version: ModelVersion, folder: Path) -> TfodFrozenGraph:
    """The detector over the frozen graph in `folder`. Raises FirstpassError naming the file and the node."""
    del version  # the graph says all there is to know
    path = graph_file.frozen_path(folder)
    return TfodFrozenGraph(graph_file.read_frozen(path), path)


def inspect(folder: Path) -> Inspection:
    """What the graph says about itself, its file, nodes and safety checked. Raises FirstpassError as `load` does."""
    graph_def = graph_file.read_frozen(graph_file.frozen_path(folder))
    return Inspection(None, any(node.name == tfod_outputs.MASKS for node in graph_def.node))

"""One loaded graph of the TF Object Detection API, whatever kind of file it came in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from firstpass.contracts.detections import Detections
from firstpass.contracts.detector import PreparedInput, UnfitImage
from firstpass.models.detectors.tfod import outputs as tfod_outputs
from firstpass.models.detectors.tfod.graph_cut import find_cut
from firstpass.models.detectors.tfod.graph_file import GraphFile
from firstpass.models.detectors.tfod.graph_layout import streamline
from firstpass.models.detectors.tfod.graph_view import node_of
from firstpass.models.detectors.tfod.session import GraphSession, Run, tf


class TfodDetector:
    """The graph as exported, or divided behind its resizing where its pattern is known; the detections are the same.

    Images of one resized size go together: the whole graph takes images of one size, a divided one any that it resizes
    to the same size.
    """

    floor = 0.0  # what is built into a graph is all that it ever gives

    def __init__(self, file: GraphFile) -> None:
        """Raises FirstpassError naming the file for a graph, or variables, that TensorFlow refuses."""
        self._names = list(file.outputs)
        self._one_a_batch = file.one_a_batch
        outputs = list(file.outputs.values())
        self._cut = find_cut(file.graph_def, file.image, outputs)
        graph_def = file.graph_def if self._cut is None else self._cut.graph_def
        ends = [*self._cut.front, *self._cut.back] if self._cut is not None else []
        keep = {node_of(name) for name in (file.image, *outputs, *ends, *(file.restore or ()))}
        session = GraphSession(streamline(graph_def, keep), file.path)
        if file.restore is not None:
            session.restore(*file.restore, file.variables)
        if self._cut is not None:
            self._front = session.callable([file.image], self._cut.front)
        self.streams = session.streams
        self._back = session.callable([file.image] if self._cut is None else self._cut.back, outputs)

    def prepare(self, image: NDArray[np.uint8]) -> PreparedInput:
        """The image as it is, uint8 [height, width, 3]; or as the graph resizes it, float32 [h, w, 3]."""
        height, width = image.shape[:2]
        if self._cut is None:
            return PreparedInput(image, width, height)
        pixels, *others = _run(self._front, [image[np.newaxis]], width, height)
        return PreparedInput(pixels[0], width, height, others)

    def predict(self, batch: Sequence[PreparedInput]) -> list[Detections]:
        """See `Detector.predict`."""
        if self._one_a_batch and len(batch) > 1:
            return [found for item in batch for found in self.predict([item])]
        outputs = self._outputs(batch)
        return [tfod_outputs.detections(outputs, i, item.width, item.height) for i, item in enumerate(batch)]

    def faults(self, item: PreparedInput) -> list[str]:
        """What is wrong with the graph's own answer to an image, a sentence each: `predict` tidies it silently."""
        return tfod_outputs.faults(self._outputs([item]))

    def _outputs(self, batch: Sequence[PreparedInput]) -> dict[str, NDArray[Any]]:
        feeds = [np.stack([item.pixels for item in batch])]
        if self._cut is not None:
            for i, batched in enumerate(self._cut.a_batch[1:]):
                feeds.append(np.concatenate([item.context[i] for item in batch]) if batched else batch[0].context[i])
        return dict(zip(self._names, _run(self._back, feeds, batch[0].width, batch[0].height), strict=True))

    def warm_up(self, batch_size: int) -> None:
        """See `Detector.warm_up`. A CPU has only the graph to optimise, for which one image will do."""
        self.predict([self.prepare(np.zeros((480, 640, 3), np.uint8))] * (batch_size if self.streams == 1 else 1))


def _run(run: Run, feeds: list[NDArray[Any]], width: int, height: int) -> list[NDArray[Any]]:
    """Raises UnfitImage where the graph itself says that it does not take such an input."""
    try:
        return run(*feeds)
    except tf.errors.InvalidArgumentError as error:
        raise UnfitImage(f"the model's graph does not take {width}×{height} pixels") from error

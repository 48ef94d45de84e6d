"""A frozen graph as everybody runs it: untouched, with TensorFlow's own defaults, and no code of the project's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

OUTPUTS = ("detection_boxes:0", "detection_scores:0", "detection_classes:0", "num_detections:0")

Graph = Callable[[NDArray[Any]], list[NDArray[Any]]]
"""Pictures, uint8 [N, height, width, 3] → boxes, scores, classes and their number."""


def as_exported(folder: Path) -> Graph:
    """The graph in `folder`; TensorFlow is imported here."""
    import tensorflow as tf

    graph, definition = tf.Graph(), tf.compat.v1.GraphDef()
    definition.ParseFromString((folder / "frozen_inference_graph.pb").read_bytes())
    with graph.as_default():
        tf.import_graph_def(definition, name="")
    session = tf.compat.v1.Session(graph=graph)
    return lambda pictures: session.run(OUTPUTS, {"image_tensor:0": pictures})

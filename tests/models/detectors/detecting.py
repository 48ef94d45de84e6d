"""What the detectors' tests share: loading a folder, and running a graph as it was exported."""

from __future__ import annotations

import numpy as np

from firstpass.models import detectors
from firstpass.models.classes import ClassTable
from firstpass.models.detectors import tfod_outputs
from firstpass.models.detectors.tf_session import GraphSession
from firstpass.models.version import Kind, ModelVersion

SHAPES = [(60, 80), (80, 60), (1, 1), (1, 90), (97, 2), (333, 500)]


def load(folder, kind=Kind.TFOD_FROZEN_GRAPH):
    version = ModelVersion("tested", "0" * 12, kind, (), ClassTable(()), "here", "now", True, 0.5)
    return detectors.load(version, folder)


def detect(detector, *images):
    return detector.predict([detector.prepare(image) for image in images])


def noise(height, width):
    return np.random.default_rng(height * 1000 + width).integers(0, 256, (height, width, 3), np.uint8)


def exported(file):
    """A function of one image: its detections by the whole graph, untouched."""
    session = GraphSession(file.graph_def, file.path)
    run = session.callable([file.image], list(file.outputs.values()))

    def detections(image):
        outputs = dict(zip(file.outputs, run(image[np.newaxis]), strict=True))
        return tfod_outputs.detections(outputs, 0, image.shape[1], image.shape[0])

    return detections


def assert_same(found, expected):
    np.testing.assert_array_equal(found.class_ids, expected.class_ids)
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-5)
    np.testing.assert_allclose(found.boxes, expected.boxes, atol=1e-3)

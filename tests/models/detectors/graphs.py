"""Graphs of the kinds that detectors come as, small enough to be built in a test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

tf1 = tf.compat.v1
OUTPUTS = ("detection_boxes", "detection_scores", "detection_classes", "num_detections")


def frozen(folder: Path, build: Callable[[], None]) -> Path:
    """A folder with the frozen graph that `build` makes in the default graph."""
    graph = tf.Graph()
    with graph.as_default():
        build()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "frozen_inference_graph.pb").write_bytes(graph.as_graph_def().SerializeToString())
    return folder


def image_tensor(shape=(None, None, None, 3), dtype=tf.uint8) -> Any:
    return tf1.placeholder(dtype, shape, "image_tensor")


def fixed_answer(boxes, scores, classes, masks=None, count=None) -> Callable[[], None]:
    """A graph that answers the same for every image; arrays of one image."""

    def build():
        image = image_tensor()
        images = tf.shape(image)[0]

        def output(name, value):
            value = tf.constant(np.asarray(value, np.float32)[np.newaxis])
            tf.identity(tf.tile(value, [images, *[1] * (value.shape.rank - 1)]), name=name)

        for name, value in zip(OUTPUTS, (boxes, scores, classes), strict=False):
            output(name, value)
        output("num_detections", len(scores) if count is None else count)
        if masks is not None:
            output("detection_masks", masks)

    return build


def head(features, classes=3) -> None:
    """One box a cell, suppressed per class: the outputs of a network with these features, channels last."""
    rng = np.random.default_rng(1)
    depth = features.shape[-1]
    kernel = rng.normal(0, 0.6, (1, 1, depth, classes + 4)).astype(np.float32)
    found = tf.reshape(tf.nn.conv2d(features, kernel, 1, "SAME"), [tf.shape(features)[0], -1, classes + 4])
    corner = tf.sigmoid(found[..., :2]) * 0.7
    boxes = tf.concat([corner, corner + 0.05 + 0.25 * tf.sigmoid(found[..., 2:4])], -1)
    kept = tf.image.combined_non_max_suppression(boxes[:, :, tf.newaxis], tf.sigmoid(found[..., 4:]), 20, 40, 0.5, 0.3)
    tf.identity(kept[0], name="detection_boxes")
    tf.identity(kept[1], name="detection_scores")
    tf.identity(kept[2] + 1, name="detection_classes")
    tf.identity(tf.cast(kept[3], tf.float32), name="num_detections")


def kernel(*shape) -> Any:
    return np.random.default_rng(sum(shape)).normal(0, 0.5, shape).astype(np.float32)


def letterboxed() -> None:
    """Resizes in the graph with aspect kept, as the default model does; its boxes are mapped back by the same size."""
    image = image_tensor()
    size = tf.cast(tf.shape(image)[1:3], tf.float32)
    size = tf.maximum(tf.cast(tf.round(size * (64 / tf.reduce_max(size))), tf.int32), 1)
    small = tf1.image.resize_bilinear(tf.cast(image, tf.float32), size, half_pixel_centers=True)
    padded = tf.pad(small, tf.stack([[0, 0], [0, 64 - size[0]], [0, 64 - size[1]], [0, 0]]))
    head(tf.nn.relu(tf.nn.conv2d(padded / 255.0 - 0.4, kernel(3, 3, 3, 8), 4, "SAME")))


def normalised() -> None:
    """Channels in reverse, each with a mean and a deviation of its own: the convention of networks from Caffe."""
    image = image_tensor()
    half = tf.shape(image)[1:3] // 2
    small = tf1.image.resize_bilinear(tf.cast(image, tf.float32), half + 1)
    padded = tf.pad(small, [[0, 0], [0, 2], [0, 3], [0, 0]])[..., ::-1]
    scaled = tf.identity((padded - [103.53, 116.28, 123.675]) / [57.375, 57.12, 58.395], name="normalised")
    head(tf.nn.relu(tf.nn.conv2d(scaled, kernel(3, 3, 3, 8), 4, "SAME") - 0.5))


def looped(resize=None, scaled_before=True) -> Callable[[], None]:
    """Resizes in a loop over the batch's images, as the API's exports do: Preprocessor/map/while/…."""

    def fixed(image):
        small = tf1.image.resize_images(image, [48, 56], align_corners=False)
        return small, tf.constant([48, 56, 3])

    def build():
        image = tf.cast(image_tensor(), tf.float32)
        with tf1.name_scope("Preprocessor"):
            if scaled_before:
                image = tf.subtract(tf.multiply(2 / 255.0, image), 1.0)
            small, shapes = tf1.map_fn(resize or fixed, image, dtype=(tf.float32, tf.int32))
            if not scaled_before:
                small = tf.subtract(tf.multiply(2 / 255.0, small), 1.0)
        real = tf.cast(shapes[:, :2], tf.float32) / tf.constant([48.0, 56.0])
        features = tf.nn.relu(tf.nn.conv2d(small, kernel(3, 3, 3, 8), 4, "SAME"))
        head(features * real[:, tf.newaxis, tf.newaxis, :1])

    return without_new_loops(build)


def without_new_loops(build: Callable[[], None]) -> Callable[[], None]:
    """TensorFlow 1's loops of Enter, Merge and Switch, as frozen graphs have them."""

    def run():
        tf1.disable_control_flow_v2()
        try:
            build()
        finally:
            tf1.enable_control_flow_v2()

    return run


def converted() -> None:
    """Every convolution between two transpositions, as converters from channels-first frameworks write it."""
    first, last = [0, 3, 1, 2], [0, 2, 3, 1]

    def convolution(x, *shape):
        there = tf.transpose(tf.pad(x, [[0, 0], [0, 0], [1, 1], [1, 0]]), last)
        return tf.transpose(tf.nn.conv2d(there, kernel(*shape), 2, "VALID") + kernel(shape[-1]), first)

    image = tf.cast(image_tensor(), tf.float32)
    image = tf1.image.resize_bilinear(image, [64, 64])[..., ::-1] / 255.0
    a = tf.nn.leaky_relu(convolution(tf.transpose(image, first), 3, 3, 3, 8), 0.1)
    b = convolution(a, 3, 3, 8, 8)
    c = tf.sigmoid(convolution(a, 3, 3, 8, 8)) + b
    joined = tf.concat([b, c, tf.maximum(b, c)], axis=1)
    head(tf.transpose(tf.reshape(joined, [-1, 24, 16, 16]), last))

"""The number of classes is read from shapes, or not at all."""

import pytest
import tensorflow as tf

from firstpass.models.detectors.tfod.graph_classes import class_count
from fixtures import graphs

tf1 = tf.compat.v1


def count(build):
    with tf.Graph().as_default() as graph:
        build()
    return class_count(graph.as_graph_def())


def bias(name, length, make=tf.constant):
    make([0.0] * length, name=name)


def suppress(scope, classes):
    with tf1.name_scope(f"{scope}/BatchMultiClassNonMaxSuppression/map/while/MultiClassNonMaxSuppression"):
        for _ in range(classes):
            with tf1.name_scope("non_max_suppression_with_scores"):
                tf.raw_ops.NonMaxSuppressionV5(
                    boxes=[[0.0, 0, 1, 1]], scores=[1.0], max_output_size=1, iou_threshold=0.5, score_threshold=0.0,
                    soft_nms_sigma=0.0,
                )  # fmt: skip


def ssd(slots, suppressed, prefix="BoxPredictor_{}"):
    def build():
        for number, anchors in enumerate((3, 6, 6)):
            bias(f"{prefix.format(number)}/BoxEncodingPredictor/biases", anchors * 4)
            bias(f"{prefix.format(number)}/ClassPredictor/biases", anchors * slots)
        suppress("Postprocessor", suppressed)

    return build


def second_api_ssd():
    for number, anchors in enumerate((3, 6)):
        for name, slots in (("ClassHead_{}/ClassPredictor", 91), ("BoxHead_{}/BoxEncodingPredictor", 4)):
            shared_name = f"BoxPredictor/Convolutional{name.format(number)}/bias"
            tf.raw_ops.VarHandleOp(dtype=tf.float32, shape=[anchors * slots], shared_name=shared_name)


def shared_weights():
    bias("WeightSharedConvolutionalBoxPredictor/BoxPredictor/biases", 24)
    bias("WeightSharedConvolutionalBoxPredictor/ClassPredictor/biases", 6 * 5)
    suppress("Postprocessor", 4)


def two_stages():
    bias("FirstStageBoxPredictor/BoxEncodingPredictor/biases", 48)
    bias("FirstStageBoxPredictor/ClassPredictor/biases", 24)
    bias("SecondStageBoxPredictor/BoxEncodingPredictor/biases", 28)
    bias("SecondStageBoxPredictor/ClassPredictor/biases", 8)
    suppress("FirstStage", 1)
    suppress("SecondStagePostprocessor", 7)


def two_stages_of_the_second_api():
    bias("FirstStageBoxPredictor/ConvolutionalBoxHead_0/BoxEncodingPredictor/bias", 48)
    bias("FirstStageBoxPredictor/ConvolutionalClassHead_0/ClassPredictor/bias", 24)
    bias("mask_rcnn_keras_box_predictor_1/mask_rcnn_box_head_1/BoxEncodingPredictor_dense/bias", 12)
    bias("mask_rcnn_keras_box_predictor_1/mask_rcnn_class_head_1/ClassPredictor_dense/bias", 4)


def heads_that_disagree():
    ssd(4, 3)()
    bias("BoxPredictor_9/BoxEncodingPredictor/biases", 12)
    bias("BoxPredictor_9/ClassPredictor/biases", 3 * 7)


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda: graphs.head(tf1.placeholder(tf.float32, [None, 4, 4, 8]), classes=17), 17),  # combined suppression
        (ssd(slots=6, suppressed=5), 5),
        (ssd(slots=5, suppressed=5), 5),  # trained without a slot for the background
        (second_api_ssd, 90),
        (shared_weights, 4),
        (two_stages, 7),
        (two_stages_of_the_second_api, 3),
        (heads_that_disagree, None),
        (lambda: bias("Predictor/biases", 12), None),
    ],
)
def test_classes_are_counted_without_the_background(build, expected):
    assert count(build) == expected

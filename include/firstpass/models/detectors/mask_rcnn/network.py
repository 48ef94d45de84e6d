"""The network: ResNet, feature pyramid, region proposals, and the two heads, in Keras 3, from plain arrays."""

# ruff: noqa: TID253 - this module is itself imported only by a detector that is being loaded
from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

import keras
from keras import layers as kl

from firstpass.models.detectors.mask_rcnn import boxes
from firstpass.models.detectors.mask_rcnn.config import Config
from firstpass.models.detectors.mask_rcnn.layers import Sizes, blocks
from firstpass.models.detectors.mask_rcnn.weights import Layer
from firstpass.models.detectors.tfod.session import tf

_MASK_POOL = 14


class Stages(NamedTuple):
    """What the network computes on its way, for a batch of b images; boxes are normalised (see `anchors`).

    rois: [b, post_nms_rois_inference, 4]. probabilities: [b, rois, classes]. deltas: [b, rois, classes, 4].
    detections: [b, detection_max_instances, 6] as box, class, score, zeros behind the last one. masks: [n, 28, 28],
    0..1, of the class of each of the n detections of the whole batch, in their order.
    """

    pyramid: tuple[Any, ...]
    rpn_scores: Any
    rpn_deltas: Any
    rois: Any
    probabilities: Any
    deltas: Any
    detections: Any
    masks: Any


class MaskRcnnNetwork:
    """A Mask R-CNN for inference. Holds its weights in Keras models; nothing of it can be trained."""

    def __init__(self, sizes: Sizes, weights: Mapping[str, Layer], config: Config) -> None:
        _settle_device()
        self._sizes, self._config = sizes, config
        self._features = _features(sizes, weights)
        self._classify = _classifier(sizes, weights)
        self._masks = _mask_head(sizes, weights)
        self._mean = tf.constant(config.mean_pixel, tf.float32)
        self.run = tf.function(
            lambda pixels, windows, anchors: self.stages(pixels, windows, anchors)[-2:],
            input_signature=[
                tf.TensorSpec((None, None, None, 3), tf.uint8),
                tf.TensorSpec((None, 4)),
                tf.TensorSpec((None, 4)),
            ],
        )
        """The detections and masks of `stages`, as one graph."""

    def features(self, pixels: Any) -> tuple[Any, ...]:
        """P2 to P5, and of each anchor the score of being an object, [b, n], and the corrections, [b, n, 4]."""
        outputs = self._features(tf.cast(pixels, tf.float32) - self._mean)
        return tuple(outputs)

    def stages(self, pixels: Any, windows: Any, anchors: Any) -> Stages:
        """All of the network.

        pixels: uint8 [b, height, width, 3], RGB, both sides multiples of 64. windows: float32 [b, 4], where in its
        padding each image lies, normalised. anchors: float32 [n, 4].
        """
        *pyramid, rpn_scores, rpn_deltas = self.features(pixels)
        area = tf.cast(tf.shape(pixels)[1] * tf.shape(pixels)[2], tf.float32)
        rois = boxes.proposals(rpn_scores, rpn_deltas, anchors, self._config)
        batch, count = tf.shape(rois)[0], rois.shape[1]
        owners = tf.repeat(tf.range(batch), count)
        regions = boxes.aligned(tf.reshape(rois, (-1, 4)), owners, pyramid, area, self._sizes.pool)
        probabilities, deltas = self._classify(regions)
        probabilities = tf.reshape(probabilities, (batch, count, self._sizes.classes))
        deltas = tf.reshape(deltas, (batch, count, self._sizes.classes, 4))
        found = boxes.detections(rois, probabilities, deltas, windows, self._config)
        masks = self._masks_of(found, pyramid, area)
        return Stages(tuple(pyramid), rpn_scores, rpn_deltas, rois, probabilities, deltas, found, masks)

    def _masks_of(self, found: Any, pyramid: list[Any], area: Any) -> Any:
        """The masks of the detections that are not filling, each of its own class."""
        classes = tf.cast(found[:, :, 4], tf.int32)
        at = tf.where(classes > 0)
        owners, boxes_ = tf.cast(at[:, 0], tf.int32), tf.gather_nd(found[:, :, :4], at)
        masks = self._masks(boxes.aligned(boxes_, owners, pyramid, area, _MASK_POOL))
        return tf.gather(masks, tf.gather_nd(classes, at), axis=3, batch_dims=1)


def _settle_device() -> None:
    """Full single precision on a GPU too: TensorFloat-32 is off by more than a score may be. Its memory as needed."""
    tf.config.experimental.enable_tensor_float_32_execution(False)
    for gpu in tf.config.list_physical_devices("GPU"):
        with suppress(RuntimeError):  # the device is in use already, with whatever was set then
            tf.config.experimental.set_memory_growth(gpu, True)


class _Builder:
    """Makes Keras layers by name, with the weights of that name in them; each is read once, and kept in Keras alone.

    A layer made before is used again under its name: the proposals look at each level with the same weights.
    """

    def __init__(self, weights: Mapping[str, Layer]) -> None:
        self._weights = weights
        self._made: dict[str, Any] = {}

    def conv(self, x: Any, name: str, activation: str | None = None, strides: int = 1, padding: str = "same") -> Any:
        def make(kernel: Any) -> Any:
            return kl.Conv2D(kernel.shape[-1], kernel.shape[:2], strides, padding, **_like(name, activation))

        return self._applied(x, name, make)

    def dense(self, x: Any, name: str, activation: str | None = None) -> Any:
        def make(kernel: Any) -> Any:
            return kl.Dense(kernel.shape[-1], **_like(name, activation))

        return self._applied(x, name, make, flat=True)

    def deconv(self, x: Any, name: str) -> Any:
        def make(kernel: Any) -> Any:
            return kl.Conv2DTranspose(kernel.shape[2], kernel.shape[:2], strides=2, **_like(name, "relu"))

        return self._applied(x, name, make)

    def _applied(self, x: Any, name: str, make: Callable[[Any], Any], flat: bool = False) -> Any:
        if name in self._made:
            return self._made[name](x)
        weights = self._weights[name]
        kernel = weights.kernel.reshape(-1, weights.kernel.shape[-1]) if flat else weights.kernel
        layer = self._made[name] = make(kernel)
        result = layer(x)
        layer.set_weights([kernel, weights.bias])
        return result


def _like(name: str, activation: str | None) -> dict[str, Any]:
    """What all layers have in common. Zeros: no time is spent on random weights that the real ones replace at once."""
    return {"name": name, "activation": activation, "kernel_initializer": "zeros"}


def _features(sizes: Sizes, weights: Mapping[str, Layer]) -> Any:
    build = _Builder(weights)
    image = keras.Input((None, None, 3), name="input_image")
    x = build.conv(kl.ZeroPadding2D(3)(image), "conv1", "relu", strides=2, padding="valid")
    x = kl.MaxPooling2D(3, 2, "same")(x)
    lateral = {}
    for stage, letters in blocks(sizes.backbone).items():
        for block in letters:
            x = _residual(build, x, f"res{stage}{block}", 2 if block == "a" and stage > 2 else 1)
        lateral[stage] = build.conv(x, f"fpn_c{stage}p{stage}")
    merged = {5: lateral[5]}
    for stage in (4, 3, 2):
        merged[stage] = kl.Add()([kl.UpSampling2D(2)(merged[stage + 1]), lateral[stage]])
    pyramid = [build.conv(merged[stage], f"fpn_p{stage}") for stage in (2, 3, 4, 5)]
    coarsest = kl.MaxPooling2D(1, 2)(pyramid[-1])
    proposed = [_propose(build, level) for level in (*pyramid, coarsest)]
    scores, deltas = (kl.Concatenate(axis=1)(list(parts)) for parts in zip(*proposed, strict=True))
    return keras.Model(image, [*pyramid, scores, deltas], name="features")


def _residual(build: _Builder, x: Any, name: str, strides: int) -> Any:
    shortcut = build.conv(x, f"{name}_branch1", strides=strides) if name.endswith("a") else x
    x = build.conv(x, f"{name}_branch2a", "relu", strides)
    x = build.conv(x, f"{name}_branch2b", "relu")
    x = build.conv(x, f"{name}_branch2c")
    return kl.ReLU()(kl.Add()([x, shortcut]))


def _propose(build: _Builder, level: Any) -> tuple[Any, Any]:
    """Of each anchor on one level the score of being an object, [b, n], and the corrections, [b, n, 4]."""
    shared = build.conv(level, "rpn_conv_shared", "relu")
    logits = kl.Reshape((-1, 2))(build.conv(shared, "rpn_class_raw"))
    deltas = kl.Reshape((-1, 4))(build.conv(shared, "rpn_bbox_pred"))
    return kl.Softmax()(logits)[:, :, 1], deltas


def _classifier(sizes: Sizes, weights: Mapping[str, Layer]) -> Any:
    build = _Builder(weights)
    regions = keras.Input((sizes.pool, sizes.pool, sizes.pyramid), name="regions")
    x = build.dense(kl.Flatten()(regions), "mrcnn_class_conv1", "relu")
    x = build.dense(x, "mrcnn_class_conv2", "relu")
    return keras.Model(regions, [build.dense(x, "mrcnn_class_logits", "softmax"), build.dense(x, "mrcnn_bbox_fc")])


def _mask_head(sizes: Sizes, weights: Mapping[str, Layer]) -> Any:
    build = _Builder(weights)
    x = regions = keras.Input((_MASK_POOL, _MASK_POOL, sizes.pyramid), name="regions")
    for number in (1, 2, 3, 4):
        x = build.conv(x, f"mrcnn_mask_conv{number}", "relu")
    return keras.Model(regions, build.conv(build.deconv(x, "mrcnn_mask_deconv"), "mrcnn_mask", "sigmoid"))

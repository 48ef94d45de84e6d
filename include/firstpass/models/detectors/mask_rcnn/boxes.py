"""Boxes inside of the network's graph: from anchors to proposals, from proposals to detections, and what lies in them.

All boxes are y1, x1, y2, x2 in normalised coordinates (`anchors.normalised`). The order of operations is the training
library's, since single precision decides which of two nearly equal boxes survives.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from firstpass.models.detectors.mask_rcnn.config import Config
from firstpass.models.detectors.tfod.session import tf

_STD_DEV = (0.1, 0.1, 0.2, 0.2)  # what the networks are trained to divide their corrections by
_LAST = 1 - 3e-7  # just inside of the last pixel's place, by more than single precision may be off


def proposals(scores: Any, deltas: Any, anchors: Any, config: Config) -> Any:
    """The best anchors, corrected: [batch, post_nms_rois_inference, 4], filled up with zeros.

    scores: [batch, n] of each anchor being any object. deltas: [batch, n, 4]. anchors: [n, 4].
    """
    count = config.post_nms_rois_inference
    best, order = tf.math.top_k(scores, tf.minimum(config.pre_nms_limit, tf.shape(scores)[1]))
    moved = _moved(tf.gather(anchors, order), tf.gather(deltas, order, batch_dims=1))
    boxes = tf.clip_by_value(moved, 0.0, 1.0)

    def of_image(image: tuple[Any, Any]) -> Any:
        kept = tf.image.non_max_suppression(*image, count, float(config.rpn_nms_threshold))
        return _padded(tf.gather(image[0], kept), count)

    return tf.map_fn(of_image, (boxes, best), fn_output_signature=tf.TensorSpec((count, 4)))


def detections(rois: Any, probabilities: Any, deltas: Any, windows: Any, config: Config) -> Any:
    """[batch, detection_max_instances, 6]: box, class, score, in descending order of score, filled up with zeros.

    rois: [batch, n, 4]. probabilities: [batch, n, classes]. deltas: [batch, n, classes, 4]. windows: [batch, 4], which
    the boxes are clipped to.
    """
    classes = tf.argmax(probabilities, axis=-1, output_type=tf.int32)
    scores = tf.reduce_max(probabilities, axis=-1)
    boxes = _moved(rois, tf.gather(deltas, classes, axis=2, batch_dims=2))
    low, high = tf.split(windows[:, tf.newaxis, :], 2, axis=-1)
    boxes = tf.clip_by_value(boxes, tf.tile(low, (1, 1, 2)), tf.tile(high, (1, 1, 2)))
    wanted = (classes > 0) & (scores >= config.detection_min_confidence)
    count, nms_threshold = config.detection_max_instances, float(config.detection_nms_threshold)

    def of_image(image: tuple[Any, Any, Any, Any]) -> Any:
        box, label, score = (tf.boolean_mask(part, image[3]) for part in image[:3])
        overlaps = tf.where(label[:, tf.newaxis] == label, _overlaps(box), 0.0)
        kept = tf.image.non_max_suppression_overlaps(overlaps, score, count, nms_threshold)
        rows = tf.concat([box, tf.cast(label, tf.float32)[:, tf.newaxis], score[:, tf.newaxis]], axis=1)
        return _padded(tf.gather(rows, kept), count)

    rows = tf.map_fn(of_image, (boxes, classes, scores, wanted), fn_output_signature=tf.TensorSpec((count, 6)))
    return tf.ensure_shape(rows, (None, count, 6))


def aligned(boxes: Any, images: Any, pyramid: Sequence[Any], pixels: Any, size: int) -> Any:
    """What the feature maps show in each box: [m, size, size, channels].

    boxes: [m, 4]. images: int32 [m], which of the batch each box belongs to. pyramid: P2 to P5. pixels: float32, the
    area of the network's input, from which follows the level that a box is looked at on.

    What lies beyond a feature map counts as 0. The last row of a box that ends at the image's border lies on the map's
    last row, but for rounding, which throws it out now and then; here it is always in.
    """
    height, width = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    size_on_level_4 = tf.sqrt(height * width) / (224.0 / tf.sqrt(pixels))
    octave = tf.round(tf.math.log(size_on_level_4) / tf.math.log(2.0))
    level = tf.cast(tf.clip_by_value(octave, -2.0, 1.0), tf.int32) + 2
    places = [tf.where(level == number)[:, 0] for number in range(len(pyramid))]
    boxes = tf.minimum(boxes, _LAST)
    crops = [
        tf.image.crop_and_resize(features, tf.gather(boxes, at), tf.gather(images, at), (size, size))
        for features, at in zip(pyramid, places, strict=True)
    ]
    back = tf.math.invert_permutation(tf.cast(tf.concat(places, axis=0), tf.int32))
    return tf.gather(tf.concat(crops, axis=0), back)


def _moved(boxes: Any, deltas: Any) -> Any:
    """The boxes shifted and sized by what the network says, in shares of their sides and logarithms of factors."""
    deltas *= tf.constant(_STD_DEV)
    y1, x1, y2, x2 = tf.unstack(boxes, axis=-1)
    dy, dx, dh, dw = tf.unstack(deltas, axis=-1)
    height, width = y2 - y1, x2 - x1
    centre_y, centre_x = y1 + 0.5 * height + dy * height, x1 + 0.5 * width + dx * width
    height, width = height * tf.exp(dh), width * tf.exp(dw)
    top, left = centre_y - 0.5 * height, centre_x - 0.5 * width
    return tf.stack([top, left, top + height, left + width], axis=-1)


def _overlaps(boxes: Any) -> Any:
    """Intersection over union of all pairs, [n, n]; 0 where a box has no area, as in TensorFlow's own suppression."""
    y1, x1, y2, x2 = tf.unstack(boxes, axis=-1)
    area = (y2 - y1) * (x2 - x1)

    def common(start: Any, end: Any) -> Any:
        return tf.maximum(tf.minimum(end[:, tf.newaxis], end) - tf.maximum(start[:, tf.newaxis], start), 0.0)

    both = common(y1, y2) * common(x1, x2)
    solid = (area[:, tf.newaxis] > 0) & (area > 0)
    return tf.where(solid, both / (area[:, tf.newaxis] + area - both), 0.0)


def _padded(rows: Any, count: int) -> Any:
    return tf.ensure_shape(tf.pad(rows, ((0, count - tf.shape(rows)[0]), (0, 0))), (count, rows.shape[1]))

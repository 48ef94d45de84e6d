"""From anchors to detections, on numbers small enough to follow."""

import numpy as np
import pytest

from firstpass.models.detectors.mask_rcnn import boxes
from firstpass.models.detectors.mask_rcnn.config import Config
from firstpass.models.detectors.tfod.session import tf

WHOLE = np.array([[0, 0, 1, 1]], np.float32)


def config(**changes):
    return Config(
        **{"post_nms_rois_inference": 4, "detection_max_instances": 4, "detection_min_confidence": 0.5} | changes
    )


def propose(scores, places, deltas=None, **changes):
    deltas = np.zeros((len(places), 4)) if deltas is None else deltas
    arrays = (np.array(array, np.float32) for array in ([scores], [deltas], places))
    return boxes.proposals(*(tf.constant(array) for array in arrays), config(**changes)).numpy()[0]


def detect(rois, probabilities, deltas=None, window=WHOLE, **changes):
    classes = len(probabilities[0])
    deltas = np.zeros((len(rois), classes, 4)) if deltas is None else deltas
    arrays = (np.array(array, np.float32) for array in ([rois], [probabilities], [deltas], window))
    return boxes.detections(*(tf.constant(array) for array in arrays), config(**changes)).numpy()[0]


LEFT, RIGHT, NEARLY_LEFT = (0.1, 0.1, 0.5, 0.4), (0.1, 0.5, 0.5, 0.8), (0.1, 0.1, 0.5, 0.41)


def test_proposals_come_in_order_of_score_without_near_duplicates_filled_up_with_zeros():
    found = propose([0.2, 0.9, 0.8], [RIGHT, LEFT, NEARLY_LEFT])
    np.testing.assert_allclose(found, [LEFT, RIGHT, [0] * 4, [0] * 4])


def test_only_the_best_anchors_are_looked_at():
    found = propose([0.2, 0.9, 0.8], [RIGHT, LEFT, NEARLY_LEFT], pre_nms_limit=2)
    np.testing.assert_allclose(found, [LEFT, *[[0] * 4] * 3])


def test_corrections_move_in_shares_of_the_sides_and_size_by_powers_of_e():
    (found, *_) = propose([1], [(0.2, 0.2, 0.4, 0.6)], [(1.0, -2.0, 5 * np.log(2), 0.0)])
    np.testing.assert_allclose(found, (0.12, 0.12, 0.52, 0.52), atol=1e-6)


def test_proposals_end_at_the_border():
    (found, *_) = propose([1], [(-0.2, 0.5, 0.4, 1.3)])
    np.testing.assert_allclose(found, (0, 0.5, 0.4, 1))


def test_detections_of_one_class_do_not_overlap_those_of_two_may():
    found = detect([LEFT, NEARLY_LEFT, LEFT, RIGHT], [(0, 0.9, 0.1), (0, 0.8, 0.2), (0.1, 0, 0.7), (0, 0, 1)])
    np.testing.assert_allclose(found[:3, 4:], [(2, 1.0), (1, 0.9), (2, 0.7)])
    np.testing.assert_allclose(found[:3, :4], [RIGHT, LEFT, LEFT])
    assert not found[3].any()


def test_the_background_and_what_is_unsure_are_no_detections():
    assert not detect([LEFT, RIGHT], [(0.9, 0.1, 0), (0.3, 0.4, 0.3)]).any()


def test_a_detection_just_at_the_confidence_counts():
    assert detect([LEFT], [(0.5, 0.5, 0.0)], detection_min_confidence=0.5)[0, 4] == 0
    assert detect([LEFT], [(0.25, 0.5, 0.25)], detection_min_confidence=0.5)[0, 4] == 1


def test_whole_numbers_will_do_as_thresholds():
    assert detect([LEFT, LEFT], [(0, 1, 0), (0, 1, 0)], detection_nms_threshold=1)[1, 4] == 1
    assert propose([1, 0.9], [LEFT, RIGHT], rpn_nms_threshold=0)[1].any()


def test_no_more_detections_than_asked_for_the_best_ones():
    found = detect([LEFT, RIGHT], [(0, 0.7, 0.3), (0, 0.9, 0.1)], detection_max_instances=1)
    np.testing.assert_allclose(found, [(*RIGHT, 1, 0.9)])


def test_each_class_has_its_own_corrections_and_the_window_is_the_limit():
    deltas = np.zeros((1, 3, 4))
    deltas[0, 2] = (0, 10, 0, 0)
    window = [(0.2, 0, 0.9, 0.6)]
    np.testing.assert_allclose(detect([LEFT], [(0, 1, 0)], deltas, window)[0, :4], (0.2, 0.1, 0.5, 0.4), atol=1e-6)
    np.testing.assert_allclose(detect([LEFT], [(0, 0, 1)], deltas, window)[0, :4], (0.2, 0.4, 0.5, 0.6), atol=1e-6)


def test_boxes_are_looked_at_on_the_level_of_their_size_and_in_their_own_image():
    """Every feature is its level (2 to 5) and a hundred for each image before it."""
    pyramid = [tf.stack([tf.fill((s, s, 1), level), tf.fill((s, s, 1), level + 100.0)]) for level, s in
               ((2.0, 256), (3.0, 128), (4.0, 64), (5.0, 32))]  # fmt: skip
    sides = np.array([448, 224, 112, 56, 20, 1024, 0], np.float32) / 1023
    places = np.stack([0 * sides, 0 * sides, sides, sides], axis=1)
    owners = tf.constant([0, 1, 0, 1, 0, 1, 0])
    found = boxes.aligned(tf.constant(places), owners, pyramid, tf.constant(1024.0**2), 7).numpy()
    assert found.shape == (7, 7, 7, 1)
    assert found[:, 3, 3, 0].tolist() == [5, 104, 3, 102, 2, 105, 2]


@pytest.mark.parametrize("start", np.linspace(0, 0.95, 40))
def test_the_last_row_of_a_box_at_the_border_is_never_lost_to_rounding(start):
    pyramid = [tf.ones((1, size, size, 1)) for size in (256, 128, 64, 32)]
    place = np.array([(start, start, 1, 1)], np.float32)
    found = boxes.aligned(tf.constant(place), tf.constant([0]), pyramid, tf.constant(1024.0**2), 14)
    assert (found.numpy() == 1).all()

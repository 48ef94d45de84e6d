"""Images in, detections out: the way to and from a network that answers what a test gives it."""

from types import SimpleNamespace

import numpy as np
import pytest

from firstpass.errors import FirstpassError
from firstpass.models.detectors.mask_rcnn.anchors import anchors, normalised
from firstpass.models.detectors.mask_rcnn.config import Config
from firstpass.models.detectors.mask_rcnn.detector import MaskRcnnDetector

CONFIG = Config(image_min_dim=128, image_max_dim=128)
FULL = np.ones((28, 28), np.float32)


class Network:
    """Answers with these rows for each image (box in pixels of the input, class, score) and these masks."""

    def __init__(self, *rows, masks=()):
        self.rows, self.masks = rows, masks
        self.given = []

    def run(self, pixels, windows, anchors):
        self.given.append((pixels, windows, anchors))
        height, width = pixels.shape[1:3]
        most = max(map(len, self.rows), default=0) + 1  # one row of filling at least
        found = np.zeros((len(pixels), most, 6), np.float32)
        for image, rows in enumerate(self.rows):
            for number, (box, label, score) in enumerate(rows):
                found[image, number, :4] = normalised(np.array([box], float), height, width)[0]
                found[image, number, 4:] = label, score
        masks = np.stack(self.masks) if len(self.masks) else np.empty((0, 28, 28), np.float32)
        return tuple(SimpleNamespace(numpy=lambda part=part: part) for part in (found, masks))


def picture(height, width):
    return np.full((height, width, 3), 90, np.uint8)


def test_an_image_is_prepared_with_the_place_that_it_has_in_its_padding():
    detector = MaskRcnnDetector(Network(), CONFIG)
    prepared = detector.prepare(picture(100, 50))
    assert (prepared.width, prepared.height, prepared.context) == (50, 100, (0, 32, 128, 96))
    assert prepared.pixels.shape == (128, 128, 3)


def test_boxes_come_back_in_pixels_of_the_image():
    """The image of 100 × 50 lies in columns 32 to 96 of the input, enlarged to 128."""
    network = Network([((32, 64, 96, 96), 2, 0.75)], masks=[FULL])
    detector = MaskRcnnDetector(network, CONFIG)
    (found,) = detector.predict([detector.prepare(picture(100, 50))])
    assert found.class_ids.tolist() == [2]
    assert found.scores.tolist() == [0.75]
    assert found.boxes.tolist() == [[25, 25, 50, 75]]
    assert (found.class_ids.dtype, found.scores.dtype, found.boxes.dtype) == (np.int32, np.float32, np.float32)
    (((ring,),),) = found.polygons
    assert ring.min(axis=0).tolist() == [25, 25]
    assert ring.max(axis=0).round().tolist() == [49, 74], "to the box's last pixel"


def test_a_mask_covers_its_part_of_the_box_alone():
    left_half = FULL.copy()
    left_half[:, 14:] = 0
    network = Network([((0, 0, 128, 128), 1, 0.9)], masks=[left_half])
    detector = MaskRcnnDetector(network, CONFIG)
    prepared = detector.prepare(picture(128, 128))
    (found,) = detector.instances([prepared])
    assert found.rois.tolist() == [[0, 0, 128, 128]]
    (mask,) = found.masks
    assert mask.shape == (128, 128)
    assert mask[2:-2, 2:60].all()
    assert not mask[:, 68:].any()


def test_its_floor_is_the_confidence_that_it_was_configured_with():
    assert MaskRcnnDetector(Network(), Config(detection_min_confidence=0.15)).floor == 0.15


def outlined(mask, box=(0, 0, 128, 128)):
    """What comes of one detection with this box (top, left, bottom, right) and mask in an image of 128 × 128."""
    detector = MaskRcnnDetector(Network([(box, 1, 0.9)], masks=[mask]), CONFIG)
    (found,) = detector.predict([detector.prepare(picture(128, 128))])
    assert len(found) == 1
    return found.polygons[0]


def test_a_hole_in_a_mask_is_kept():
    holed = FULL.copy()
    holed[10:18, 10:18] = 0
    ((outer, hole),) = outlined(holed)
    assert outer.min(axis=0).tolist() == [0, 0]
    assert outer.max(axis=0).round().tolist() == [127, 127]
    assert hole.min(axis=0) == pytest.approx([46, 46], abs=2)
    assert hole.max(axis=0) == pytest.approx([82, 82], abs=2)


def test_a_mask_that_is_all_hole_but_for_its_rim_keeps_the_rim():
    rim = FULL.copy()
    rim[2:-2, 2:-2] = 0
    ((outer, hole),) = outlined(rim)
    assert outer.max(axis=0).round().tolist() == [127, 127]
    assert hole.min(axis=0) == pytest.approx([9, 9], abs=2)
    assert hole.max(axis=0) == pytest.approx([118, 118], abs=2)


@pytest.mark.parametrize("value", [0.0, 0.4])
def test_a_mask_that_is_nowhere_above_a_half_has_no_outline(value):
    assert outlined(value * FULL) == ()


@pytest.mark.parametrize(
    ("where", "middle"),
    [
        (np.s_[12:16, 0:4], [7, 64]),
        (np.s_[12:16, -4:], [119, 64]),
        (np.s_[0:4, 12:16], [64, 7]),
        (np.s_[-4:, 12:16], [64, 119]),
    ],
)
def test_a_mask_at_a_border_lies_at_that_border_of_its_box(where, middle):
    mask = 0 * FULL
    mask[where] = 1
    ((ring,),) = outlined(mask)
    assert (ring.min(axis=0) + ring.max(axis=0)) / 2 == pytest.approx(middle, abs=3)
    assert (ring >= 0).all()
    assert (ring < 128).all()


@pytest.mark.parametrize("corner", [(0, 0), (60, 70), (127, 127), (0, 127)])
def test_a_box_of_one_pixel_has_a_mask_of_one_pixel(corner):
    top, left = corner
    ((ring,),) = outlined(FULL, (top, left, top + 1, left + 1))
    assert len(ring) == 4
    assert ring.min(axis=0).tolist() == [left, top]
    np.testing.assert_allclose(ring.max(axis=0), [left + 0.499, top + 0.499], atol=1e-4)


def test_boxes_without_an_area_are_left_out_with_their_masks():
    rows = [
        ((0, 0, 64, 64), 1, 0.9),
        ((10, 10, 10, 50), 2, 0.8),
        ((10, 10, 50, 10), 3, 0.7),
        ((64, 64, 128, 128), 4, 0.6),
    ]
    network = Network(rows, masks=[FULL, FULL, FULL, 0.1 * FULL])
    detector = MaskRcnnDetector(network, CONFIG)
    (found,) = detector.predict([detector.prepare(picture(128, 128))])
    assert found.class_ids.tolist() == [1, 4]
    assert [len(parts) for parts in found.polygons] == [1, 0]


def test_each_image_of_a_batch_gets_its_own_masks():
    rows = ([((0, 0, 64, 64), 1, 0.9)], [], [((0, 0, 64, 64), 2, 0.8), ((64, 64, 128, 128), 3, 0.7)])
    network = Network(*rows, masks=[FULL, 0 * FULL, FULL])
    detector = MaskRcnnDetector(network, CONFIG)
    batch = [detector.prepare(picture(128, 128)) for _ in range(3)]
    found = detector.predict(batch)
    assert [each.class_ids.tolist() for each in found] == [[1], [], [2, 3]]
    assert [[len(parts) for parts in each.polygons] for each in found] == [[1], [], [0, 1]]
    assert found[1].boxes.shape == (0, 4)


def test_what_the_network_is_given():
    detector = MaskRcnnDetector(Network(), CONFIG)
    batch = [detector.prepare(picture(100, 50)), detector.prepare(picture(50, 100))]
    pixels, windows, places = detector.inputs(batch)
    assert pixels.shape == (2, 128, 128, 3)
    np.testing.assert_array_equal(windows, normalised(np.array([(0, 32, 128, 96), (32, 0, 96, 128)], float), 128, 128))
    np.testing.assert_array_equal(places, anchors(128, 128, CONFIG.rpn_anchor_scales, CONFIG.rpn_anchor_ratios))
    assert detector.inputs(batch)[2] is places, "made once for each shape"


def test_a_size_that_the_network_cannot_take_is_the_configurations_fault():
    detector = MaskRcnnDetector(Network(), Config(image_resize_mode="none"))
    with pytest.raises(FirstpassError, match="cannot be halved six times"):
        detector.prepare(picture(100, 64))


@pytest.mark.parametrize(("most", "side"), [(128, 128), (1000, 960), (64, 64), (10, 64)])
def test_it_is_warmed_up_with_blank_images_of_a_size_that_it_takes(most, side):
    network = Network()
    detector = MaskRcnnDetector(network, Config(image_resize_mode="none", image_max_dim=most))
    detector.warm_up(3)
    ((pixels, _, _),) = network.given
    assert pixels.shape == (3, side, side, 3)
    assert not pixels.any()
    assert detector.streams == 1

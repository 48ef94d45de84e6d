"""Small masks at their places in the image, held against TensorFlow's own pasting."""

from __future__ import annotations

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from firstpass.models.detectors.tfod.pasting import MASK_CUT, paste

WIDTH, HEIGHT = 1280, 960


@pytest.fixture(scope="module")
def api():
    """What object_detection.utils.ops.reframe_box_masks_to_image_masks computes, and what its exporter makes of it."""
    import tensorflow as tf

    def reframe(masks, boxes, width, height):
        masks, boxes = tf.constant(masks, tf.float32)[..., None], tf.constant(boxes, tf.float32)
        count = len(boxes)
        image = tf.reshape(tf.tile([[0.0, 0.0, 1.0, 1.0]], [count, 1]), [-1, 2, 2])
        corner = boxes[:, None, 0:2]
        image_in_box = tf.reshape((image - corner) / (boxes[:, None, 2:4] - corner), [-1, 4])
        pasted = tf.image.crop_and_resize(
            masks, image_in_box, tf.range(count), [height, width], method="bilinear", extrapolation_value=0
        )
        return (pasted[..., 0] > 0.5).numpy()

    return SimpleNamespace(reframe=reframe)


def whole(mask, box, width=WIDTH, height=HEIGHT):
    """The image with what `paste` gives in it."""
    region, (left, top) = paste(np.asarray(mask), np.array(box, np.float32), width, height)
    image = np.zeros((height, width), bool)
    image[top : top + region.shape[0], left : left + region.shape[1]] = region
    assert image.sum() == region.sum(), "the region lies in the image"
    return image


def smooth(cells, seed):
    """A mask such as a network gives: an irregular shape with soft edges."""
    noise = cv2.GaussianBlur(np.random.default_rng(seed).random((cells, cells)), (0, 0), cells / 8)
    return ((noise - noise.min()) / (noise.max() - noise.min())).astype(np.float32)


def iou(one, other):
    either = (one | other).sum()
    return (one & other).sum() / either if either else 1.0


BOXES = {
    "inside": (0.21, 0.33, 0.58, 0.71),
    "the whole image": (0, 0, 1, 1),
    "at the upper border": (0, 0.33, 0.4, 0.71),
    "at the left border": (0.21, 0, 0.58, 0.4),
    "at the lower border": (0.4, 0.33, 1, 0.71),
    "at the right border": (0.21, 0.4, 0.58, 1),
    "beyond the upper border": (-0.2, 0.33, 0.4, 0.71),
    "beyond the left border": (0.21, -0.2, 0.58, 0.4),
    "beyond the lower border": (0.4, 0.33, 1.3, 0.71),
    "beyond the right border": (0.21, 0.4, 0.58, 1.3),
    "beyond all borders": (-0.5, -0.3, 1.4, 1.2),
    "tall and thin": (0.1, 0.502, 0.93, 0.53),
    "wide and low": (0.502, 0.1, 0.53, 0.93),
}


@pytest.mark.parametrize("cells", [15, 33])
@pytest.mark.parametrize("box", BOXES.values(), ids=BOXES)
def test_masks_are_where_the_api_pastes_them(api, box, cells):
    masks = np.stack([smooth(cells, seed) for seed in range(4)])
    theirs = api.reframe(masks, [box] * 4, WIDTH, HEIGHT)
    for mask, their in zip(masks, theirs, strict=True):
        ours = whole(mask, box)
        assert ours.any()
        assert iou(ours, their) >= 0.98
        # In float32 TensorFlow may find the image's last row or column just outside of a box that ends with them.
        assert iou(ours[:-1, :-1], their[:-1, :-1]) > 0.999


@pytest.mark.parametrize("cells", [15, 33])
def test_so_are_those_of_any_box(api, cells):
    random = np.random.default_rng(cells)
    middle, half = random.uniform(0.1, 0.9, (60, 2)), random.uniform(0.02, 0.4, (60, 2))
    boxes = np.concatenate([middle - half, middle + half], axis=1).astype(np.float32)
    masks = np.stack([smooth(cells, 100 + number) for number in range(60)])
    for start in range(0, 60, 10):
        some = slice(start, start + 10)
        for mask, box, theirs in zip(
            masks[some], boxes[some], api.reframe(masks[some], boxes[some], WIDTH, HEIGHT), strict=True
        ):
            assert iou(whole(mask, box), theirs) > 0.999


@pytest.mark.parametrize("size", [(2, 2), (3, 7), (40, 31), (1, 9), (9, 1), (1, 1)])
@pytest.mark.parametrize("shape", [(2, 2), (15, 15), (33, 33), (14, 28)])
def test_in_small_images_too(api, size, shape):
    width, height = size
    random = np.random.default_rng(7)
    masks = random.random((30, *shape)).astype(np.float32)
    low, high = random.uniform(-0.3, 0.45, (30, 2)), random.uniform(0.55, 1.3, (30, 2))
    boxes = np.concatenate([low, high], axis=1).astype(np.float32)
    theirs = api.reframe(masks, boxes, width, height)
    ours = np.stack([whole(mask, box, width, height) for mask, box in zip(masks, boxes, strict=True)])
    assert (ours != theirs).mean() < 0.001


@pytest.mark.parametrize(
    "box",
    [
        (-0.4, 0.2, -0.1, 0.5), (1.1, 0.2, 1.4, 0.5), (0.2, -0.4, 0.5, -0.1), (0.2, 1.1, 0.5, 1.4),
        (-1, -1, -0.5, -0.5), (0.2504, 0.1, 0.2512, 0.9), (0.1, 0.2503, 0.9, 0.2508),
    ],
    ids=["above", "below", "left of it", "right of it", "diagonal", "between two rows", "between two columns"],
)  # fmt: skip
def test_a_box_without_a_pixel_has_no_mask(api, box):
    mask = np.ones((15, 15), np.float32)
    region, _ = paste(mask, np.array(box, np.float32), WIDTH, HEIGHT)
    assert region.size == 0
    assert not api.reframe([mask], [box], WIDTH, HEIGHT).any()


@pytest.mark.parametrize(
    "box", [(0.5, 0.1, 0.5, 0.9), (0.1, 0.5, 0.9, 0.5), (0, 0, 0, 0), (0.7, 0.1, 0.3, 0.9), (0.1, 0.7, 0.9, 0.3)]
)
def test_neither_has_one_without_an_area(box):
    region, _ = paste(np.ones((15, 15)), np.array(box, np.float32), 101, 101)
    assert (region.size, region.dtype) == (0, np.bool_)


def test_a_tiny_box_has_the_pixel_whose_place_is_in_it(api):
    mask = np.ones((15, 15), np.float32)
    box = [100 / 959 - 1e-4, 200 / 1279 - 1e-4, 100 / 959 + 1e-4, 200 / 1279 + 1e-4]
    region, offset = paste(mask, np.array(box, np.float32), WIDTH, HEIGHT)
    assert (region.tolist(), offset) == ([[True]], (200, 100))
    assert np.array_equal(whole(mask, box), api.reframe([mask], [box], WIDTH, HEIGHT)[0])


def test_the_pixels_on_the_edges_of_a_box_are_in_it():
    """Pixels of an image of 9 × 5 lie at eighths and quarters."""
    region, offset = paste(np.ones((3, 3)), np.array([0.25, 0.25, 0.75, 0.875], np.float32), 9, 5)
    assert (region.shape, offset) == ((3, 6), (2, 1))
    assert region.all()
    region, offset = paste(np.ones((3, 3)), np.array([0.26, 0.24, 0.74, 0.88], np.float32), 9, 5)
    assert (region.shape, offset) == ((1, 6), (2, 2))
    region, offset = paste(np.ones((3, 3)), np.array([0, 0, 1, 1], np.float32), 9, 5)
    assert (region.shape, offset) == ((5, 9), (0, 0))
    assert region.all()


@pytest.mark.parametrize("width", [1, 2, 3])
def test_a_single_pixel_lies_in_the_middle(width):
    def is_inside(low, high):
        region, offset = paste(np.ones((3, 3)), np.array([low, 0, high, 1], np.float32), width, 1)
        assert offset == (0, 0)
        return region.size > 0

    assert [is_inside(0, 0.49), is_inside(0.51, 1), is_inside(0, 1), is_inside(0.5, 1), is_inside(0, 0.5)] == [
        False, False, True, True, True,
    ]  # fmt: skip


def test_a_pixel_belongs_to_the_object_above_a_half():
    assert MASK_CUT == 0.5
    box = np.array([0, 0, 1, 1], np.float32)
    for value, inside in ((0.5, False), (np.nextafter(np.float32(0.5), np.float32(1)), True), (1, True), (0, False)):
        region, _ = paste(np.full((15, 15), value, np.float32), box, 15, 15)
        assert (region.all(), region.any()) == (inside, inside)


def test_between_two_cells_it_is_interpolated():
    """Of 0 and 1 across five pixels come 0, ¼, ½, ¾, 1: two of them are above a half."""
    mask = np.array([[0, 1], [0, 1]], np.float32)
    box = np.array([0, 0, 1, 1], np.float32)
    assert paste(mask, box, 5, 5)[0].tolist() == [[False, False, False, True, True]] * 5
    assert paste(mask.T, box, 5, 5)[0].T.tolist() == [[False, False, False, True, True]] * 5


@pytest.mark.parametrize("cells", [1, 2, 15])
def test_each_cell_lies_on_its_pixel_where_there_are_as_many(cells):
    mask = np.random.default_rng(cells).random((cells, cells)) > 0.5
    box = np.array([0, 0, 1, 1], np.float32)
    region, offset = paste(mask.astype(np.uint8), box, max(cells, 2), max(cells, 2))
    assert offset == (0, 0)
    assert np.array_equal(region, mask if cells > 1 else np.full((2, 2), mask[0, 0]))

"""Anchors, and the way between pixels and the network's coordinates."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstpass.models.detectors.mask_rcnn.anchors import anchors, in_pixels, normalised


def test_anchors_of_a_rectangular_input():
    found = anchors(64, 128, (8, 16, 32, 64, 128), (0.25, 1))
    assert found.shape == (2 * (16 * 32 + 8 * 16 + 4 * 8 + 2 * 4 + 1 * 2), 4)
    first, second, third = found[0], found[1], found[2]
    np.testing.assert_allclose(first, normalised(np.array([-8.0, -2, 8, 2]), 64, 128))  # a quarter as wide as high
    np.testing.assert_allclose(second, normalised(np.array([-4.0, -4, 4, 4]), 64, 128))
    np.testing.assert_allclose(third, normalised(np.array([-8.0, 2, 8, 6]), 64, 128))  # one stride to the right


def test_normalised_boxes_and_pixels_are_each_others_reverse():
    pixels = np.array([(0, 0, 64, 128), (3, 5, 17, 100)])
    assert in_pixels(normalised(pixels.astype(float), 64, 128), 64, 128).tolist() == pixels.tolist()


def test_anchors_stand_level_by_level_row_by_row_and_reach_beyond_the_image():
    found = anchors(64, 64, (8, 16, 32, 64, 128), (1,))
    assert len(found) == 16 * 16 + 8 * 8 + 4 * 4 + 2 * 2 + 1
    centres = (found[:, :2] + found[:, 2:]) / 2
    assert centres[0] == pytest.approx([-0.5 / 63, -0.5 / 63])
    assert centres[1, 1] > centres[0, 1]
    assert centres[1, 0] == centres[0, 0]
    assert centres[16, 0] > centres[0, 0]
    assert centres[16, 1] == centres[0, 1]
    sides = (found[:, 2:] - found[:, :2]) * 63 + 1
    assert [sides[n].tolist() for n in (0, 256, 320, 336, 340)] == [
        pytest.approx([side, side]) for side in (8, 16, 32, 64, 128)
    ]
    assert found.min() < 0
    assert found.dtype == np.float32


def test_ratios_keep_the_area():
    found = anchors(64, 64, (8, 16, 32, 64, 128), (0.5, 1, 2)).astype(float)
    height, width = ((found[:3, 2:] - found[:3, :2]) * 63 + 1).T
    np.testing.assert_allclose(height * width, 64, rtol=1e-5)
    np.testing.assert_allclose(width / height, [0.5, 1, 2], rtol=1e-5)


def test_the_first_pixels_place_is_0_and_the_last_ones_1():
    np.testing.assert_array_equal(normalised(np.array([[0.0, 0, 64, 128]]), 64, 128), [[0, 0, 1, 1]])
    np.testing.assert_allclose(normalised(np.array([[63.0, 127, 1, 1]]), 64, 128), [[1, 1, 0, 0]])


@given(st.lists(st.integers(0, 500), min_size=4, max_size=4), st.integers(64, 1024), st.integers(64, 1024))
def test_whole_pixels_come_back_whole(box, height, width):
    there = np.array([box], float)
    assert in_pixels(normalised(there, height, width), height, width).tolist() == [box]


def test_halves_are_rounded_to_the_even_pixel():
    halves = np.array([[0.5, 1.5, 3.5, 4.5]]) / 100
    assert in_pixels(halves.astype(np.float64), 101, 101).tolist() == [[0, 2, 4, 6]]

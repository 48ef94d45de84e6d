"""When a mask is written as pixels: where outlines cannot say what it says."""

from __future__ import annotations

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from firstpass.contracts.export_format import Draft
from firstpass.exports.pixels import pixel_mask

from .conftest import HOLE, PART, mask

BOX = (10.0, 10.0, 51.0, 41.0)


def test_a_smooth_mask_needs_none():
    assert pixel_mask(Draft(1, 0.5, BOX, [[list(PART)]]), 100, 50) is None


def test_nor_does_a_box_or_what_must_be_an_outline_or_a_box():
    assert pixel_mask(Draft(1, 0.5, BOX, []), 100, 50) is None
    assert pixel_mask(Draft(1, 0.5, BOX, [], "mask"), 100, 50) is None
    for shape in ("polygon", "rectangle"):
        assert pixel_mask(Draft(1, 0.5, BOX, [[list(PART), list(HOLE)]], shape), 100, 50) is None


def test_the_region_is_the_smallest_with_all_of_it():
    found = pixel_mask(Draft(1, 0.5, BOX, [[list(PART), list(HOLE)]]), 100, 50)
    assert found
    assert (found.left, found.top, found.region.shape) == (10, 10, (31, 41))
    assert int(found.region.sum()) == 41 * 31 - 11 * 11


def test_single_pixels_that_touch_nothing_are_outlines_too():
    region = np.zeros((40, 40), bool)
    region[::2, ::2] = True
    assert pixel_mask(mask(region, 5, 5), 100, 50) is None


@pytest.mark.parametrize(("side", "outlined"), [(4, False), (40, False), (400, True)])
def test_outlines_that_coco_s_tools_fill_otherwise_are_pixels(side, outlined):
    """An outline along pixels' far edges, as another detector gives it: half a pixel matters to small ones."""
    ring = [10.0, 10.0, 10.0 + side, 10.0, 10.0 + side, 10.0 + side, 10.0, 10.0 + side]
    found = pixel_mask(Draft(1, 0.5, BOX, [[ring]]), 500, 500)
    assert (found is None) == outlined
    assert found is None or found.region.sum() == (side + 1) ** 2


def test_what_lies_outside_of_the_picture_is_cut_off():
    ring = [90.0, 10.0, 120.5, 10.0, 120.5, 40.5, 90.0, 40.5]
    found = pixel_mask(Draft(1, 0.5, BOX, [[ring]], "mask"), 100, 50)
    assert found
    assert (found.left, found.region.shape) == (90, (31, 10))
    assert pixel_mask(Draft(1, 0.5, BOX, [[[v + 200 for v in ring]]], "mask"), 100, 50) is None


def test_run_lengths_are_of_the_whole_picture():
    found = pixel_mask(Draft(1, 0.5, BOX, [[list(PART)]], "mask"), 100, 50)
    assert found
    encoded = found.run_lengths(100, 50)
    assert encoded["size"] == [50, 100]
    whole = coco_mask.decode(encoded)
    assert whole[10:41, 10:51].all()
    assert whole.sum() == 41 * 31

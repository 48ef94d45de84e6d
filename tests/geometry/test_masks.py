"""From rings back to the pixels that they mark."""

from __future__ import annotations

import numpy as np
import pytest

from firstpass.geometry.masks import bounds, cropped, fill, row_runs
from firstpass.geometry.outlines import mask_to_polygons


def rectangle(left, top, right, bottom) -> np.ndarray:
    """The ring of the pixels from left, top to right, bottom; the last ones are in it."""
    return np.array([[left, top], [left, bottom + 0.499], [right + 0.499, bottom + 0.499], [right + 0.499, top]])


def pixels(*where) -> np.ndarray:
    mask = np.zeros((20, 30), np.uint8)
    for each in where:
        mask[each] = 1
    return mask


SIZE = (30, 20)


def test_a_ring_marks_its_pixels_with_1():
    found = fill([(rectangle(3, 4, 10, 12),)], SIZE)
    assert (found.shape, found.dtype) == ((20, 30), np.uint8)
    assert np.array_equal(found, pixels(np.s_[4:13, 3:11]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rings_may_be_of_either_kind_of_number(dtype):
    assert np.array_equal(fill([(rectangle(3, 4, 3, 4).astype(dtype),)], SIZE), pixels(np.s_[4:5, 3:4]))


@pytest.mark.parametrize(("end", "last"), [(6, 6), (6.499, 6), (6.5, 6), (6.51, 7), (7.5, 7), (7.51, 8), (7.999, 8)])
@pytest.mark.parametrize("offset", [(0, 0), (1, 1), (2, 2)])
def test_points_are_rounded_and_halves_go_down(end, last, offset):
    """So they do wherever the region begins: its pixels do not change with it."""
    ring = np.array([[2.6, 3], [2.6, 4], [end, 4], [end, 3]])
    wanted = pixels(np.s_[3:5, 3 : last + 1])[offset[1] :, offset[0] :]
    assert np.array_equal(fill([(ring,)], (30 - offset[0], 20 - offset[1]), offset), wanted)


@pytest.mark.parametrize("length", range(1, 12))
@pytest.mark.parametrize("start", [4, 5])
def test_a_mask_comes_back_from_rings_with_two_decimals(start, length):
    mask = np.zeros((20, 30), bool)
    mask[start : start + length, start + 1 : start + 1 + length] = True
    mask[start + length // 3 : start + length // 2, start + 1 + length // 3 : start + 1 + length // 2] = False
    parts = [[np.round(ring.astype(float), 2) for ring in part] for part in mask_to_polygons(mask, min_iou=1)]
    assert np.array_equal(fill(parts, SIZE), mask)
    assert bounds(parts, SIZE) == (start + 1, start, start + 1 + length, start + length)


def test_a_hole_is_left_out_with_the_pixels_on_its_line():
    found = fill([(rectangle(2, 2, 12, 12), rectangle(4, 5, 6, 7), rectangle(9, 9, 9, 9))], SIZE)
    wanted = pixels(np.s_[2:13, 2:13])
    wanted[5:8, 4:7] = wanted[9, 9] = 0
    assert np.array_equal(found, wanted)


@pytest.mark.parametrize("first", [0, 1])
def test_a_part_may_lie_in_the_hole_of_another_in_whichever_order(first):
    parts = [(rectangle(2, 2, 14, 14), rectangle(4, 4, 12, 12)), (rectangle(6, 6, 10, 10), rectangle(8, 8, 8, 8))]
    wanted = pixels(np.s_[2:15, 2:15])
    wanted[4:13, 4:13] = 0
    wanted[6:11, 6:11] = 1
    wanted[8, 8] = 0
    assert np.array_equal(fill(parts[first:] + parts[:first], SIZE), wanted)


@pytest.mark.parametrize("holes", [(), (rectangle(5, 5, 5, 5),)])
def test_what_two_parts_mark_is_marked(holes):
    found = fill([(rectangle(2, 2, 8, 8), *holes), (rectangle(4, 4, 12, 12),)], SIZE)
    assert np.array_equal(found, pixels(np.s_[2:9, 2:9], np.s_[4:13, 4:13]))


def test_a_region_has_its_own_coordinates():
    parts = [(rectangle(103, 204, 110, 212), rectangle(105, 206, 105, 206))]
    wanted = pixels(np.s_[4:13, 3:11])
    wanted[6, 5] = 0
    assert np.array_equal(fill(parts, SIZE, offset=(100, 200)), wanted)


@pytest.mark.parametrize("holes", [(), (rectangle(0, 0, 5, 5),)])
def test_what_lies_outside_is_cut_off(holes):
    found = fill([(rectangle(-5, -7, 40, 50), *holes)], SIZE)
    wanted = pixels(np.s_[:, :])
    if holes:
        wanted[:6, :6] = 0
    assert np.array_equal(found, wanted)
    assert not fill([(rectangle(30, 0, 40, 19),)], SIZE).any()
    assert not fill([(rectangle(0, 20, 29, 40),)], SIZE).any()


def test_no_parts_mark_nothing():
    assert np.array_equal(fill([], SIZE), pixels())


@pytest.mark.parametrize(
    ("rings", "found"),
    [
        ([rectangle(3, 4, 10, 12)], (3, 4, 11, 13)),
        ([rectangle(7, 8, 7, 8)], (7, 8, 8, 9)),
        ([rectangle(0, 0, 29, 19)], (0, 0, 30, 20)),
        ([rectangle(3, 4, 10, 12), rectangle(1, 15, 2, 16)], (1, 4, 11, 17)),
        ([rectangle(-5, -6, 3, 4)], (0, 0, 4, 5)),
        ([rectangle(25, 15, 40, 50)], (25, 15, 30, 20)),
        ([np.array([[3.7, 4.2], [3.7, 8], [6.5, 8.51]])], (4, 4, 7, 10)),
    ],
)
def test_bounds_are_those_of_the_pixels_that_are_marked_and_of_the_image(rings, found):
    parts = [(ring,) for ring in rings]
    assert bounds(parts, SIZE) == found
    assert all(type(edge) is int for edge in bounds(parts, SIZE))
    rows, columns = np.nonzero(fill(parts, SIZE))
    assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == found


@pytest.mark.parametrize("place", [(40, 5), (5, 40), (-20, 5), (5, -20)])
def test_bounds_of_what_is_outside_are_empty(place):
    left, top, right, bottom = bounds([(rectangle(*place, place[0] + 3, place[1] + 3),)], SIZE)
    assert right <= left or bottom <= top


def test_bounds_are_those_of_the_outer_rings():
    assert bounds([(rectangle(3, 4, 10, 12), rectangle(5, 6, 7, 8))], SIZE) == (3, 4, 11, 13)


@pytest.mark.parametrize("seed", range(5))
def test_a_region_of_a_mask_comes_back_as_it_was(seed):
    mask = np.random.default_rng(seed).random((20, 30)) < 0.7
    mask[:, :4] = mask[:3] = mask[15:] = mask[:, 25:] = False
    parts = mask_to_polygons(mask, min_iou=1)
    left, top, right, bottom = bounds(parts, SIZE)
    assert np.array_equal(fill(parts, (right - left, bottom - top), (left, top)), mask[top:bottom, left:right])
    assert mask[top:bottom, left:right].sum() == mask.sum()


@pytest.mark.parametrize(
    ("rows", "runs"),
    [
        (["0110", "1100"], [1, 2, 1, 2, 2]),
        (["1"], [0, 1]),
        (["0"], [1]),
        (["10", "01"], [0, 1, 2, 1]),
        (["11", "11"], [0, 4]),
    ],
)
def test_runs_go_row_by_row_and_begin_with_none(rows, runs):
    assert row_runs(np.array([[int(n) for n in row] for row in rows], np.uint8)) == runs


def test_a_mask_is_cropped_to_its_pixels_within_the_image():
    ring = np.array([[8, 3], [20.499, 3], [20.499, 6.499], [8, 6.499]])
    region, left, top = cropped([[ring]], (12, 50))
    assert (region.shape, left, top, int(region.sum())) == ((4, 4), 8, 3, 16)
    assert cropped([[ring]], (8, 50)) is None
    assert cropped([[ring, ring]], (50, 50)) is None, "all hole"

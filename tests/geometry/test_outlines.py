"""Masks to outlines, held against every usual way of filling one, and back again."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageDraw
from scipy.ndimage import binary_fill_holes, label, zoom
from skimage.draw import polygon as skimage_polygon

from firstpass.geometry import masks
from firstpass.geometry.outlines import REACH, mask_to_polygons


def rounded(ring, shape):
    return cv2.fillPoly(np.zeros(shape, np.uint8), [np.round(ring).astype(np.int32)], 1) > 0


def truncated(ring, shape):
    return cv2.fillPoly(np.zeros(shape, np.uint8), [ring.astype(np.int32)], 1) > 0


def pillow(ring, shape):
    image = Image.new("L", shape[::-1])
    ImageDraw.Draw(image).polygon([tuple(map(float, point)) for point in ring], fill=1, outline=1)
    return np.asarray(image) > 0


def whole_coordinates(ring, shape):
    filled = np.zeros(shape, bool)
    filled[skimage_polygon(ring[:, 1], ring[:, 0], shape)] = True
    return filled


def pixel_centres(ring, shape):
    """What COCO's tools make of the two decimals that CVAT writes."""
    return whole_coordinates(np.round(ring.astype(float), 2) - 0.5, shape)


FILLS = (rounded, truncated, pillow, whole_coordinates, pixel_centres)


def share(one, other):
    """Intersection over union."""
    return (one & other).sum() / (one | other).sum()


def iou(parts, mask, fill):
    """Of what the outer rings mark; their holes are left aside."""
    filled = np.zeros(mask.shape, bool)
    for outer, *_ in parts:
        filled |= fill(outer, mask.shape)
    return share(filled, mask)


def opened(parts, shape, fill):
    """What the outer rings mark without what their holes mark."""
    filled = np.zeros(shape, bool)
    for outer, *holes in parts:
        own = fill(outer, shape)
        for hole in holes:
            own &= ~fill(hole, shape)
        filled |= own
    return filled


def without_holes(mask):
    return binary_fill_holes(mask, np.ones((3, 3)))


def crosses_itself(ring):
    """By trying every pair of edges that are not neighbours, in exact integers."""
    points = [(round(float(x) * 1000), round(float(y) * 1000)) for x, y in ring]
    edges = list(zip(points, points[1:] + points[:1], strict=True))

    def side(a, b, c):
        return np.sign((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))

    return any(
        side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0
        for i, (a, b) in enumerate(edges)
        for c, d in edges[i + 2 :]
    )


def area(ring):
    x, y = ring.astype(float).T
    return abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2


def assert_valid_for_cvat(ring, width, height):
    assert ring.dtype == np.float32
    assert ring.ndim == 2
    assert len(ring) >= 3
    assert area(ring) > 0
    assert not np.array_equal(ring[0], ring[-1])
    assert (ring >= 0).all()
    assert (ring <= (width, height)).all()
    assert not crosses_itself(ring)


def blob(seed, radius, shape=(240, 320)):
    """A smooth, irregular shape, as a network's mask is when enlarged."""
    random = np.random.default_rng(seed)
    angle = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    distance = radius * (
        1 + sum(random.normal(0, 0.2 / k) * np.cos(k * angle + random.uniform(0, 6)) for k in range(1, 7))
    )
    centre = random.uniform((0, 0), shape[::-1])
    points = centre + np.stack([distance * np.cos(angle), distance * np.sin(angle)], axis=1)
    return cv2.fillPoly(np.zeros(shape, np.uint8), [np.round(points).astype(np.int32)], 1) > 0


SHAPES = {
    "one pixel": (slice(4, 5), slice(7, 8)),
    "a line of two pixels": (slice(4, 5), slice(7, 9)),
    "a column of two pixels": (slice(4, 6), slice(7, 8)),
    "a long line": (slice(4, 5), slice(0, 30)),
    "the upper left corner": (slice(0, 9), slice(0, 12)),
    "the lower right corner": (slice(11, 20), slice(18, 30)),
    "the whole frame": (slice(None), slice(None)),
}


@pytest.mark.parametrize("where", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("fill", FILLS)
def test_a_rectangle_of_any_size_anywhere_is_filled_exactly(where, fill):
    mask = np.zeros((20, 30), bool)
    mask[where] = True
    ((ring,),) = mask_to_polygons(mask, image_size=(30, 20))
    assert_valid_for_cvat(ring, 30, 20)
    assert len(ring) == 4
    assert iou([(ring,)], mask, fill) == 1


@pytest.mark.parametrize("where", SHAPES.values(), ids=SHAPES)
def test_a_ring_ends_just_short_of_the_centres_of_its_last_pixels(where):
    mask = np.zeros((20, 30), bool)
    mask[where] = True
    rows, columns = np.nonzero(mask)
    ((ring,),) = mask_to_polygons(mask)
    assert REACH == 0.499
    assert ring.min(axis=0).tolist() == [columns.min(), rows.min()]
    np.testing.assert_allclose(ring.max(axis=0), [columns.max() + REACH, rows.max() + REACH], atol=1e-5)


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("radius", [3, 8, 15, 30, 60, 110])
def test_blobs_keep_98_percent_however_they_are_filled(radius, fill):
    """Filled or not: of a mask with holes, the outer rings alone agree with the mask whose holes are filled."""
    for mask in some_blobs(radius):
        parts = mask_to_polygons(mask)
        assert iou(parts, without_holes(mask), fill) >= 0.98
        assert share(opened(parts, mask.shape, fill), mask) >= 0.98


def some_blobs(radius):
    return [mask for mask in (blob(seed, radius) for seed in range(25)) if mask.any()]


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("radius", [8, 15, 30, 60, 110])
def test_blobs_with_holes_keep_98_percent_however_they_are_filled(radius, fill):
    for number, mask in enumerate(some_blobs(radius)):
        holed = mask & ~blob(100 + number, radius / 2)
        parts = mask_to_polygons(holed)
        assert iou(parts, without_holes(holed), fill) >= 0.98
        assert share(opened(parts, mask.shape, fill), holed) >= 0.98


@pytest.mark.parametrize(("radius", "most"), [(300, 30), (100, 30), (30, 60), (15, 60)])
def test_parts_are_drawn_with_few_points(radius, most):
    mask = cv2.circle(np.zeros((960, 1280), np.uint8), (640, 480), radius, 1, -1)
    ((ring,),) = mask_to_polygons(mask)
    assert len(ring) <= most


def test_so_are_their_holes():
    mask = cv2.circle(np.zeros((960, 1280), np.uint8), (640, 480), 300, 1, -1)
    cv2.circle(mask, (600, 480), 100, 0, -1)
    cv2.circle(mask, (800, 480), 60, 0, -1)
    ((outer, *holes),) = mask_to_polygons(mask)
    assert len(holes) == 2
    assert max(map(len, (outer, *holes))) <= 40
    assert share(opened([(outer, *holes)], mask.shape, rounded), mask > 0) >= 0.98


def test_every_part_has_a_ring_the_largest_first():
    mask = np.zeros((40, 60), np.uint8)
    mask[2:5, 2:5] = 255
    mask[10:30, 10:50] = 255
    mask[35:39, 52:59] = 255
    parts = mask_to_polygons(mask)
    assert [ring.min(axis=0).tolist() for (ring,) in parts] == [[10, 10], [52, 35], [2, 2]]
    assert iou(parts, mask > 0, rounded) == 1


def test_largest_only_keeps_one_part():
    mask = np.zeros((40, 60), bool)
    mask[2:5, 2:5] = mask[10:30, 10:50] = True
    ((ring,),) = mask_to_polygons(mask, largest_only=True)
    assert ring.min(axis=0).tolist() == [10, 10]


def test_largest_only_keeps_its_holes():
    mask = np.zeros((40, 60), bool)
    mask[2:5, 2:5] = mask[10:30, 10:50] = True
    mask[15:20, 20:40] = False
    mask[16:18, 25:30] = True
    ((outer, hole),) = mask_to_polygons(mask, largest_only=True)
    assert outer.min(axis=0).tolist() == [10, 10]
    assert hole.min(axis=0).tolist() == [20, 15]


def test_pixels_that_touch_at_a_corner_are_two_parts():
    parts = mask_to_polygons(np.eye(5, dtype=bool))
    assert len(parts) == 5
    assert all(area(ring) > 0 for (ring,) in parts)
    assert iou(parts, np.eye(5, dtype=bool), rounded) == 1


@pytest.mark.parametrize("fill", FILLS)
def test_holes_are_cut_out_and_what_lies_inside_of_them_is_a_part_of_its_own(fill):
    mask = np.zeros((50, 50), bool)
    mask[5:45, 5:45] = True
    mask[15:35, 15:35] = False
    mask[20:30, 20:30] = True
    mask[24:26, 24:26] = False
    (outer, hole), (island, its_hole) = parts = mask_to_polygons(mask)
    assert [len(ring) for ring in (outer, hole, island, its_hole)] == [4, 4, 4, 4]
    assert np.array_equal(opened(parts, mask.shape, fill), mask)
    assert iou(parts, without_holes(mask), fill) == 1


@pytest.mark.parametrize("fill", FILLS)
def test_a_hole_is_drawn_around_its_own_pixels(fill):
    mask = np.ones((9, 12), bool)
    mask[4, 7] = False
    ((outer, hole),) = mask_to_polygons(mask)
    assert np.argwhere(fill(hole, mask.shape)).tolist() == [[4, 7]]
    assert_valid_for_cvat(hole, 12, 9)
    assert hole.min(axis=0).tolist() == [7, 4]
    assert fill(outer, mask.shape).all()


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("side", [3, 5, 20])
def test_a_mask_that_is_nearly_all_hole_keeps_its_frame(side, fill):
    mask = np.ones((side, side), bool)
    mask[1:-1, 1:-1] = False
    parts = mask_to_polygons(mask, image_size=(side, side))
    assert [len(part) for part in parts] == [2]
    assert np.array_equal(opened(parts, mask.shape, fill), mask)


@pytest.mark.parametrize("edge", [np.s_[3:6, 0:2], np.s_[3:6, 10:12], np.s_[0:2, 4:7], np.s_[7:9, 4:7]])
def test_what_is_open_to_the_outside_is_no_hole(edge):
    mask = np.ones((9, 12), bool)
    mask[edge] = False
    parts = mask_to_polygons(mask, min_iou=1)
    assert [len(part) for part in parts] == [1]
    assert np.array_equal(opened(parts, mask.shape, rounded), mask)


def test_what_is_open_at_a_corner_alone_is_none_either():
    mask = np.ones((6, 6), bool)
    mask[0, 0] = mask[1, 1] = False
    assert [len(part) for part in mask_to_polygons(mask, min_iou=1)] == [1]
    mask[4, 3] = False
    parts = mask_to_polygons(mask, min_iou=1)
    assert [len(part) for part in parts] == [2]
    assert np.array_equal(opened(parts, mask.shape, rounded), mask)


def test_holes_that_touch_at_a_corner_are_one_with_two_rings():
    mask = np.ones((6, 6), bool)
    mask[2, 2] = mask[3, 3] = False
    parts = mask_to_polygons(mask, min_iou=1)
    assert [len(part) for part in parts] == [3]
    assert np.array_equal(opened(parts, mask.shape, rounded), mask)


def test_each_hole_is_in_the_part_around_it():
    mask = np.zeros((20, 40), bool)
    mask[2:18, 2:12] = mask[2:18, 20:38] = True
    mask[5:7, 5:7] = mask[8:10, 25:27] = mask[12:14, 30:32] = False
    large, small = mask_to_polygons(mask)
    assert [ring.min(axis=0).tolist() for ring in large] == [[20, 2], [25, 8], [30, 12]]
    assert [ring.min(axis=0).tolist() for ring in small] == [[2, 2], [5, 5]]


def test_the_offset_says_where_the_region_lies_in_the_image():
    mask = np.ones((3, 4), bool)
    ((ring,),) = mask_to_polygons(mask, offset=(100, 200))
    assert ring.min(axis=0).tolist() == [100, 200]
    assert np.floor(ring.max(axis=0)).tolist() == [103, 202]


def test_holes_lie_at_the_offset_too():
    mask = np.ones((5, 7), bool)
    mask[2, 3] = False
    ((_, hole),) = mask_to_polygons(mask, offset=(100, 200))
    assert hole.min(axis=0).tolist() == [103, 202]


@pytest.mark.parametrize("offset", [(-5, -7), (25, 12), (-5, 12)])
def test_what_lies_outside_of_the_image_is_cut_off(offset):
    mask = np.ones((10, 8), bool)
    ((ring,),) = mask_to_polygons(mask, offset=offset, image_size=(30, 20))
    inside = np.zeros((20, 30), bool)
    inside[max(0, offset[1]) : offset[1] + 10, max(0, offset[0]) : offset[0] + 8] = True
    assert_valid_for_cvat(ring, 30, 20)
    assert iou([(ring,)], inside, rounded) == 1


def test_a_hole_that_the_images_edge_cuts_is_open():
    mask = np.ones((10, 8), bool)
    mask[3:6, 3:6] = False
    assert [len(part) for part in mask_to_polygons(mask, offset=(-4, 0), image_size=(30, 20))] == [1]
    assert [len(part) for part in mask_to_polygons(mask, offset=(-2, 0), image_size=(30, 20))] == [2]


@pytest.mark.parametrize(
    ("mask", "offset"),
    [(np.zeros((5, 5), bool), (0, 0)), (np.zeros((0, 5), bool), (0, 0)), (np.ones((5, 5), bool), (30, 0))],
)
def test_nothing_inside_the_image_gives_nothing(mask, offset):
    assert mask_to_polygons(mask, offset=offset, image_size=(30, 20)) == ()


def test_the_mask_itself_is_left_as_it_is():
    mask = blob(3, 40)
    before = mask.copy()
    mask_to_polygons(mask)
    assert np.array_equal(mask, before)


def test_a_mask_with_channels_is_refused():
    with pytest.raises(ValueError, match=r"\(4, 4, 3\)"):
        mask_to_polygons(np.ones((4, 4, 3), bool))


noise = arrays(bool, st.tuples(st.integers(1, 14), st.integers(1, 14)))
smooth = arrays(np.float64, (7, 7), elements=st.floats(0, 1)).map(lambda a: zoom(a, 6, order=1) > 0.5)


@settings(max_examples=150, deadline=None)
@given(noise | smooth)
def test_any_mask_gives_valid_rings_that_cover_it(mask):
    height, width = mask.shape
    parts = mask_to_polygons(mask, image_size=(width, height))
    for ring in (ring for part in parts for ring in part):
        assert_valid_for_cvat(ring, width, height)
    if parts:
        assert iou(parts, without_holes(mask), rounded) >= 0.98
        assert share(opened(parts, mask.shape, rounded), mask) >= 0.98
    assert len(parts) == label(mask)[1]


@settings(max_examples=150, deadline=None)
@given(noise | smooth, st.sampled_from((rounded, truncated, pillow)))
def test_full_fidelity_marks_the_very_pixels(mask, fill):
    parts = mask_to_polygons(mask, min_iou=1)
    assert np.array_equal(opened(parts, mask.shape, fill), mask)


@settings(max_examples=60, deadline=None)
@given(noise | smooth)
def test_the_way_back_gives_the_very_mask(mask):
    height, width = mask.shape
    assert np.array_equal(masks.fill(mask_to_polygons(mask, min_iou=1), (width, height)), mask)

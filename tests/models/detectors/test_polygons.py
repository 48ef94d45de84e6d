"""Masks to polygons, held against every usual way of filling a polygon."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageDraw
from scipy.ndimage import binary_fill_holes, label, zoom
from skimage.draw import polygon as skimage_polygon

from firstpass.models.detectors.polygons import mask_to_polygons


def rounded(polygon, shape):
    return cv2.fillPoly(np.zeros(shape, np.uint8), [np.round(polygon).astype(np.int32)], 1) > 0


def truncated(polygon, shape):
    return cv2.fillPoly(np.zeros(shape, np.uint8), [polygon.astype(np.int32)], 1) > 0


def pillow(polygon, shape):
    image = Image.new("L", shape[::-1])
    ImageDraw.Draw(image).polygon([tuple(map(float, point)) for point in polygon], fill=1, outline=1)
    return np.asarray(image) > 0


def whole_coordinates(polygon, shape):
    filled = np.zeros(shape, bool)
    filled[skimage_polygon(polygon[:, 1], polygon[:, 0], shape)] = True
    return filled


def pixel_centres(polygon, shape):
    """What COCO's tools make of the two decimals that CVAT writes."""
    return whole_coordinates(np.round(polygon.astype(float), 2) - 0.5, shape)


FILLS = (rounded, truncated, pillow, whole_coordinates, pixel_centres)


def iou(polygons, mask, fill):
    filled = np.zeros(mask.shape, bool)
    for polygon in polygons:
        filled |= fill(polygon, mask.shape)
    return (filled & mask).sum() / (filled | mask).sum()


def without_holes(mask):
    return binary_fill_holes(mask, np.ones((3, 3)))


def crosses_itself(polygon):
    """By trying every pair of edges that are not neighbours, in exact integers."""
    points = [(round(float(x) * 1000), round(float(y) * 1000)) for x, y in polygon]
    edges = list(zip(points, points[1:] + points[:1], strict=True))

    def side(a, b, c):
        return np.sign((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))

    return any(
        side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0
        for i, (a, b) in enumerate(edges)
        for c, d in edges[i + 2 :]
    )


def area(polygon):
    x, y = polygon.astype(float).T
    return abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2


def assert_valid_for_cvat(polygon, width, height):
    assert polygon.dtype == np.float32
    assert polygon.ndim == 2
    assert len(polygon) >= 3
    assert area(polygon) > 0
    assert not np.array_equal(polygon[0], polygon[-1])
    assert (polygon >= 0).all()
    assert (polygon <= (width, height)).all()
    assert not crosses_itself(polygon)


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
    (polygon,) = mask_to_polygons(mask, image_size=(30, 20))
    assert_valid_for_cvat(polygon, 30, 20)
    assert len(polygon) == 4
    assert iou([polygon], mask, fill) == 1


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("radius", [3, 8, 15, 30, 60, 110])
def test_blobs_keep_98_percent_however_they_are_filled(radius, fill):
    worst = min(iou(mask_to_polygons(mask), without_holes(mask), fill) for mask in some_blobs(radius))
    assert worst >= 0.98


def some_blobs(radius):
    return [mask for mask in (blob(seed, radius) for seed in range(25)) if mask.any()]


@pytest.mark.parametrize(("radius", "most"), [(300, 30), (100, 30), (30, 60), (15, 60)])
def test_parts_are_drawn_with_few_points(radius, most):
    mask = cv2.circle(np.zeros((960, 1280), np.uint8), (640, 480), radius, 1, -1)
    (polygon,) = mask_to_polygons(mask)
    assert len(polygon) <= most


def test_every_part_has_a_polygon_the_largest_first():
    mask = np.zeros((40, 60), np.uint8)
    mask[2:5, 2:5] = 255
    mask[10:30, 10:50] = 255
    mask[35:39, 52:59] = 255
    polygons = mask_to_polygons(mask)
    assert [area(p) for p in polygons] == sorted((area(p) for p in polygons), reverse=True)
    assert len(polygons) == 3
    assert iou(polygons, mask > 0, rounded) == 1


def test_largest_only_keeps_one_part():
    mask = np.zeros((40, 60), bool)
    mask[2:5, 2:5] = mask[10:30, 10:50] = True
    (polygon,) = mask_to_polygons(mask, largest_only=True)
    assert polygon.min(axis=0).tolist() == [10, 10]


def test_pixels_that_touch_at_a_corner_are_two_parts():
    polygons = mask_to_polygons(np.eye(5, dtype=bool))
    assert len(polygons) == 5
    assert all(area(p) > 0 for p in polygons)
    assert iou(polygons, np.eye(5, dtype=bool), rounded) == 1


def test_holes_are_filled_with_what_lies_inside_of_them():
    mask = np.zeros((50, 50), bool)
    mask[5:45, 5:45] = True
    mask[15:35, 15:35] = False
    mask[20:30, 20:30] = True
    (polygon,) = mask_to_polygons(mask)
    assert iou([polygon], without_holes(mask), rounded) == 1


def test_the_offset_says_where_the_region_lies_in_the_image():
    mask = np.ones((3, 4), bool)
    (polygon,) = mask_to_polygons(mask, offset=(100, 200))
    assert polygon.min(axis=0).tolist() == [100, 200]
    assert np.floor(polygon.max(axis=0)).tolist() == [103, 202]


@pytest.mark.parametrize("offset", [(-5, -7), (25, 12), (-5, 12)])
def test_what_lies_outside_of_the_image_is_cut_off(offset):
    mask = np.ones((10, 8), bool)
    (polygon,) = mask_to_polygons(mask, offset=offset, image_size=(30, 20))
    inside = np.zeros((20, 30), bool)
    inside[max(0, offset[1]) : offset[1] + 10, max(0, offset[0]) : offset[0] + 8] = True
    assert_valid_for_cvat(polygon, 30, 20)
    assert iou([polygon], inside, rounded) == 1


@pytest.mark.parametrize(
    ("mask", "offset"),
    [(np.zeros((5, 5), bool), (0, 0)), (np.zeros((0, 5), bool), (0, 0)), (np.ones((5, 5), bool), (30, 0))],
)
def test_nothing_inside_the_image_gives_no_polygon(mask, offset):
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
def test_any_mask_gives_valid_polygons_that_cover_it(mask):
    height, width = mask.shape
    polygons = mask_to_polygons(mask, image_size=(width, height))
    for polygon in polygons:
        assert_valid_for_cvat(polygon, width, height)
    if polygons:
        assert iou(polygons, without_holes(mask), rounded) >= 0.98
    assert len(polygons) == outer_parts(mask)


def outer_parts(mask):
    """Parts joined by edges, without those that lie inside of another one's hole."""
    labels, count = label(mask)
    covered = [without_holes(labels == part) for part in range(1, count + 1)]
    return sum(not any(other is not own and other[own].all() for other in covered) for own in covered)


@settings(max_examples=60, deadline=None)
@given(noise | smooth)
def test_full_fidelity_marks_the_very_pixels(mask):
    polygons = mask_to_polygons(mask, min_iou=1)
    if polygons:
        assert iou(polygons, without_holes(mask), truncated) == 1

"""Boxes and rings of a stored picture as they lie in the upright one, held against what Pillow makes of it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps

from firstpass.geometry.masks import fill
from firstpass.geometry.orientation import upright_boxes, upright_ring, upright_size
from firstpass.geometry.outlines import REACH, mask_to_polygons

WIDTH, HEIGHT = 37, 23
EVERY = range(1, 9)


def drawn() -> np.ndarray:
    """A mask that is like none of its mirror images, with a hole and parts at all four borders."""
    image = Image.new("1", (WIDTH, HEIGHT))
    draw = ImageDraw.Draw(image)
    draw.polygon([(6, 3), (25, 5), (18, 17), (9, 15)], fill=1)
    draw.polygon([(11, 7), (17, 8), (13, 12)], fill=0)
    draw.rectangle([0, 9, 2, 12], fill=1)
    draw.rectangle([30, 0, 31, 4], fill=1)
    draw.rectangle([33, 18, 36, 18], fill=1)
    draw.point((3, 22), fill=1)
    return np.asarray(image).copy()


def transposed(mask: np.ndarray, orientation: int) -> np.ndarray:
    """By Pillow, from a picture with this EXIF orientation."""
    image = Image.fromarray(mask.astype(np.uint8))
    exif = image.getexif()
    exif[0x0112] = orientation
    image.info["exif"] = exif.tobytes()
    return np.asarray(ImageOps.exif_transpose(image)) > 0


def rings(mask: np.ndarray) -> list[list[np.ndarray]]:
    return [[ring.astype(float) for ring in part] for part in mask_to_polygons(mask, min_iou=1)]


def turned(parts, orientation: int):
    return [[upright_ring(ring, WIDTH, HEIGHT, orientation) for ring in part] for part in parts]


def test_no_two_orientations_of_the_mask_are_alike():
    assert len({(transposed(drawn(), each).shape, transposed(drawn(), each).tobytes()) for each in EVERY}) == 8


@pytest.mark.parametrize("orientation", EVERY)
def test_the_size_is_that_of_the_upright_picture(orientation):
    assert upright_size(WIDTH, HEIGHT, orientation) == transposed(drawn(), orientation).shape[::-1]


@pytest.mark.parametrize("orientation", EVERY)
def test_rings_mark_the_same_pixels_there(orientation):
    parts = turned(rings(drawn()), orientation)
    upright = transposed(drawn(), orientation)
    assert np.array_equal(fill(parts, upright_size(WIDTH, HEIGHT, orientation)), upright)


@pytest.mark.parametrize("orientation", EVERY)
def test_they_do_so_for_whoever_cuts_off_the_fraction(orientation):
    """Of what is written: two decimals."""
    upright = transposed(drawn(), orientation)
    found = np.zeros(upright.shape, np.uint8)
    for outer, *holes in turned(rings(drawn()), orientation):
        own = cv2.fillPoly(np.zeros_like(found), [outer.round(2).astype(np.int32)], 1)
        for hole in holes:
            cv2.fillPoly(own, [hole.round(2).astype(np.int32)], 0)
        found |= own
    assert np.array_equal(found, upright)


@pytest.mark.parametrize("orientation", EVERY)
def test_rings_are_drawn_as_if_the_network_had_seen_the_upright_picture(orientation):
    """From the left and upper edges of their outermost pixels to just short of the centres of the last ones."""
    of_upright = rings(transposed(drawn(), orientation))

    def points(parts):
        return sorted(sorted(map(tuple, np.round(ring, 3).tolist())) for part in parts for ring in part)

    ours = turned(rings(drawn()), orientation)
    assert points(ours) == points(of_upright)


@pytest.mark.parametrize("orientation", EVERY)
@pytest.mark.parametrize("where", [np.s_[5:9, 10:20], np.s_[0:1, 0:1], np.s_[-1:, -4:], np.s_[:, :], np.s_[3:20, 0:2]])
def test_boxes_are_those_of_the_upright_mask(orientation, where):
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[where] = True
    (found,) = upright_boxes(around(mask)[None], WIDTH, HEIGHT, orientation)
    assert found.tolist() == around(transposed(mask, orientation)).tolist()


def around(mask: np.ndarray) -> np.ndarray:
    rows, columns = np.nonzero(mask)
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], float)


@pytest.mark.parametrize(
    ("orientation", "box"),
    [
        (1, [1.5, 2, 10.25, 5]),
        (2, [26.75, 2, 35.5, 5]),
        (3, [26.75, 18, 35.5, 21]),
        (4, [1.5, 18, 10.25, 21]),
        (5, [2, 1.5, 5, 10.25]),
        (6, [18, 1.5, 21, 10.25]),
        (7, [18, 26.75, 21, 35.5]),
        (8, [2, 26.75, 5, 35.5]),
    ],
)
def test_a_box_with_fractions(orientation, box):
    boxes = np.array([[1.5, 2, 10.25, 5], [0, 0, WIDTH, HEIGHT]])
    found = upright_boxes(boxes, WIDTH, HEIGHT, orientation)
    assert found.tolist() == [box, [0, 0, *upright_size(WIDTH, HEIGHT, orientation)]]


@pytest.mark.parametrize("orientation", EVERY)
def test_no_boxes_are_none(orientation):
    assert upright_boxes(np.empty((0, 4)), WIDTH, HEIGHT, orientation).shape == (0, 4)


@pytest.mark.parametrize("orientation", EVERY)
def test_a_picture_that_is_upright_already_keeps_its_rings(orientation):
    ring = np.array([[0, 0], [0, 4.499], [3.499, 4.499], [3.499, 0]])
    there = upright_ring(ring, WIDTH, HEIGHT, 1)
    assert there.tolist() == ring.tolist()
    back = {6: 8, 8: 6}.get(orientation, orientation)
    turned_size = upright_size(WIDTH, HEIGHT, orientation)
    again = upright_ring(upright_ring(ring, WIDTH, HEIGHT, orientation), *turned_size, back)
    np.testing.assert_allclose(again, ring, atol=1e-3)


@pytest.mark.parametrize("orientation", [2, 3, 4, 6, 7, 8])
def test_nothing_lies_left_of_or_above_the_picture(orientation):
    """Rings of other makers may reach to the very border; the rest that is taken away must not lead out of it."""
    border = np.array([[0, 0], [0, HEIGHT], [WIDTH, HEIGHT], [WIDTH, 0]], float)
    found = upright_ring(border, WIDTH, HEIGHT, orientation)
    assert found.min() == 0
    assert not np.signbit(found).any()


def test_there_is_no_zero_below_zero():
    found = upright_ring(np.array([[-0.0, 0], [3, -0.0], [3, 3]]), WIDTH, HEIGHT, 1)
    assert not np.signbit(found).any()


def test_the_rest_is_what_lies_between_the_end_of_a_ring_and_the_end_of_its_pixel():
    ring = np.array([[2, 1], [2, 1 + REACH], [2 + REACH, 1 + REACH], [2 + REACH, 1]])
    found = upright_ring(ring, 10, 8, 3)
    assert sorted(np.unique(found[:, 0]).round(3).tolist()) == [7, 7.499]
    assert sorted(np.unique(found[:, 1]).round(3).tolist()) == [6, 6.499]

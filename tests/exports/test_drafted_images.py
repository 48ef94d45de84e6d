"""What a format is given: the drafts of one image with the labels, size and orientation of its data set."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

from firstpass.contracts.export_format import Draft
from firstpass.contracts.image_drafts import ImageDrafts
from firstpass.exports.drafted_images import ExportTally, LabelChoice, drafted_image

STORED = SimpleNamespace()
UPRIGHT = SimpleNamespace(upright=True)
FLAT = SimpleNamespace(holes=False)
RING = [10.0, 10.0, 20.5, 10.0, 20.5, 15.5, 10.0, 15.5]
HOLE = [12.0, 12.0, 13.5, 12.0, 13.5, 13.5]
LABELS = {1: LabelChoice("cat", 7), 2: LabelChoice("dog", None, reason="no label of this name")}


def found(count: int = 1, orientation: int | None = 1, polygons=None, **other) -> ImageDrafts:
    return ImageDrafts(
        **{
            "uri": "file:///a.jpg",
            "task": None,
            "frame": None,
            "width": 100,
            "height": 50,
            "orientation": orientation,
            "revision": 2,
            "numbers": list(range(1, count + 1)),
            "class_ids": [1] * count,
            "scores": [0.9] * count,
            "boxes": np.array([[10.0, 10.0, 21.0, 16.0]] * count).reshape(-1, 4),
            "polygons": polygons,
        }
        | other
    )


def made(drafts: ImageDrafts, wanted=STORED, size=None, labels=LABELS):
    tally = ExportTally()
    return drafted_image(drafts, "a.jpg", size, labels, wanted, tally), tally


def test_a_draft_gets_the_id_of_its_label():
    image, tally = made(found())
    assert image.drafts == [Draft(7, 0.9, (10.0, 10.0, 21.0, 16.0), [], "")]
    assert (image.name, image.uri, image.width, image.height) == ("a.jpg", "file:///a.jpg", 100, 50)
    assert (tally.images, tally.annotations, tally.orientation_unknown) == (1, 1, 0)


def test_drafts_without_a_label_are_counted_by_reason():
    image, tally = made(found(3, class_ids=[2, 2, 9]))
    assert image.drafts == []
    assert tally.dropped == {"dog: no label of this name": 2, "9: no such class": 1}


@pytest.mark.parametrize(("score", "kept"), [(0.5, True), (0.4999, False), (1.0, True)])
def test_a_label_s_own_threshold(score, kept):
    image, tally = made(found(scores=[score]), labels={1: LabelChoice("cat", 1, threshold=0.5)})
    assert (len(image.drafts) == 1) == kept
    assert tally.dropped == ({} if kept else {"cat: below 0.5": 1})


@pytest.mark.parametrize("place", range(5))
def test_numbers_that_are_not_finite(place):
    numbers = [10.0, 10.0, 21.0, 16.0, 0.9]
    numbers[place] = math.inf if place else math.nan
    image, tally = made(found(boxes=np.array([numbers[:4]]), scores=numbers[4:]))
    assert image.drafts == []
    assert tally.dropped == {"cat: not a finite number": 1}


class TestHoles:
    def test_stay_where_they_may(self):
        image, tally = made(found(polygons=[[[RING, HOLE]]]))
        assert image.drafts[0].polygons == [[RING, HOLE]]
        assert tally.filled == {}

    @pytest.mark.parametrize(("wanted", "shape"), [(FLAT, ""), (STORED, "polygon"), (FLAT, "mask")])
    def test_are_filled_and_counted_where_they_may_not(self, wanted, shape):
        labels = {1: LabelChoice("cat", 1, shape)}
        image, tally = made(found(2, polygons=[[[RING, HOLE]], [[RING]]]), wanted, labels=labels)
        assert [draft.polygons for draft in image.drafts] == [[[RING]], [[RING]]]
        assert tally.filled == {"cat": 1}

    def test_go_with_the_outline_for_a_label_of_boxes(self):
        image, tally = made(found(polygons=[[[RING, HOLE]]]), labels={1: LabelChoice("cat", 1, "rectangle")})
        assert image.drafts[0].polygons == []
        assert tally.filled == {}


@pytest.mark.parametrize("shape", ["polygon", "mask"])
def test_a_label_of_outlines_takes_no_box(shape):
    image, tally = made(found(polygons=[[[RING[:4]]]]), labels={1: LabelChoice("cat", 1, shape)})
    assert image.drafts == []
    assert tally.dropped == {"cat: no outline": 1}


def test_coordinates_are_scaled_to_the_size_that_is_wanted():
    image, _ = made(found(polygons=[[[RING]]]), size=(200, 25))
    assert (image.width, image.height, image.drafts[0].box) == (200, 25, (20.0, 5.0, 42.0, 8.0))
    assert image.drafts[0].polygons == [[[20.0, 5.0, 41.0, 5.0, 41.0, 7.75, 20.0, 7.75]]]


def test_scaled_rings_stay_within_the_picture():
    image, _ = made(found(polygons=[[[[95.0, 10.0, 101.0, 10.0, 101.0, 60.0]]]]), size=(200, 100))
    assert image.drafts[0].polygons == [[[190.0, 20.0, 200.0, 20.0, 200.0, 100.0]]]


def test_a_picture_on_its_side_is_turned_for_formats_of_upright_ones():
    image, tally = made(found(orientation=6, polygons=[[[RING]]]), UPRIGHT)
    assert (image.width, image.height) == (50, 100)
    assert image.drafts[0].box == (34.0, 10.0, 40.0, 21.0)
    ring = np.array(image.drafts[0].polygons[0][0]).reshape(-1, 2)
    assert (ring.min(0).tolist(), ring.max(0).tolist()) == ([34.0, 10.0], [39.5, 20.5])
    assert tally.orientation_unknown == 0


def test_one_whose_orientation_nobody_read_stays_and_is_counted():
    image, tally = made(found(orientation=None), UPRIGHT)
    assert (image.width, image.drafts[0].box) == (100, (10.0, 10.0, 21.0, 16.0))
    assert tally.orientation_unknown == 1
    assert made(found(orientation=None))[1].orientation_unknown == 0


def test_a_tally_begins_again():
    drafts = found(2, class_ids=[1, 9], orientation=None, polygons=[[[RING, HOLE]], []])
    _, tally = made(drafts, SimpleNamespace(upright=True, holes=False))
    assert (tally.images, tally.annotations, tally.orientation_unknown, tally.filled.total()) == (1, 1, 1, 1)
    tally.clear()
    assert tally == ExportTally()

"""COCO instances, as CVAT's importer and other tools read them."""

from __future__ import annotations

import contextlib
import io
import json

import numpy as np
import pytest
from pycocotools.coco import COCO as COCO_READER

from firstpass.contracts.export_format import Draft, DraftedImage
from firstpass.exports.coco import COCO

from .conftest import HOLE, OTHER_PART, PART, image, mask


def test_the_head_says_where_the_drafts_come_from(written, images):
    coco = json.loads(written(COCO, images).read_text("utf-8"))
    assert coco["info"] == {
        "description": "Drafts of run night <1> & more by toy@aaaaaaaaaaaa",
        "contributor": "Firstpass",
        "version": "night <1> & more",
    }
    assert coco["licenses"] == [{"id": 0, "name": "", "url": ""}]
    assert coco["categories"] == [
        {"id": 1, "name": "cat", "supercategory": ""},
        {"id": 2, "name": "größe <b>", "supercategory": ""},
        {"id": 5, "name": "dog", "supercategory": ""},
    ]


def test_images_are_numbered_from_one(written, images):
    coco = json.loads(written(COCO, images).read_text("utf-8"))
    assert coco["images"][2] == {
        "id": 3,
        "file_name": "sub folder/größer/x & <y>.tar.png",
        "width": 100,
        "height": 50,
        "license": 0,
        "flickr_url": "",
        "coco_url": "",
    }
    assert [image["id"] for image in coco["images"]] == [1, 2, 3]


def test_annotations_are_numbered_throughout_and_belong_to_their_image(written, images):
    coco = json.loads(written(COCO, images).read_text("utf-8"))
    assert [(a["id"], a["image_id"], a["category_id"], a["score"]) for a in coco["annotations"]] == [
        (1, 1, 1, 0.875),
        (2, 1, 5, 0.5),
        (3, 3, 2, 0.75),
        (4, 3, 2, 0.25),
    ]


def test_a_box_is_where_it_begins_and_how_large_it_is(written, images):
    first, second, *_ = json.loads(written(COCO, images).read_text("utf-8"))["annotations"]
    assert first == {
        "id": 1,
        "image_id": 1,
        "category_id": 1,
        "bbox": [10.5, 20.25, 100.0, 200.0],
        "area": 20000.0,
        "segmentation": [],
        "iscrowd": 0,
        "score": 0.875,
    }
    assert (second["bbox"], second["area"]) == ([0.0, 0.1, 0.3, 0.3], 0.09), "to a thousandth of a pixel"


def test_an_object_in_parts_has_the_area_of_all_of_them(written, images):
    *_, two, one = json.loads(written(COCO, images).read_text("utf-8"))["annotations"]
    assert one["segmentation"] == [list(PART)]
    assert one["area"] == 40.5 * 30.5
    assert two["segmentation"] == [list(PART), list(OTHER_PART)]
    assert two["area"] == 40.5 * 30.5 + 30.5 * 20.5


def test_which_way_round_an_outline_runs_does_not_matter(written):
    backwards = [v for point in reversed(list(zip(PART[::2], PART[1::2], strict=True))) for v in point]
    images = [
        DraftedImage(
            "a.jpg",
            "file:///x",
            99,
            99,
            [Draft(1, 0.5, (0.0, 0.0, 1.0, 1.0), [[each]]) for each in (list(PART), backwards)],
        )
    ]
    one, other = json.loads(written(COCO, images).read_text("utf-8"))["annotations"]
    assert one["area"] == other["area"] == 40.5 * 30.5


def test_sizes_are_told_to_a_thousandth_of_a_pixel(written):
    images = [DraftedImage("a.jpg", "file:///x", 9, 9, [Draft(1, 0.5, (0.0, 0.0, 1.23456, 2.34567), [])])]
    (one,) = json.loads(written(COCO, images).read_text("utf-8"))["annotations"]
    assert (one["bbox"], one["area"]) == ([0.0, 0.0, 1.235, 2.346], 2.896)


def test_of_nothing_there_is_an_empty_dataset(written):
    coco = json.loads(written(COCO, []).read_text("utf-8"))
    assert (coco["images"], coco["annotations"]) == ([], [])


def test_what_it_is_called():
    assert (COCO.title, COCO.main_file) == ("COCO 1.0", "annotations/instances_default.json")


def read(path):
    """COCO's own reader: the mask of each annotation, by its id."""
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO_READER(str(path))
    return coco, {number: coco.annToMask(each) for number, each in coco.anns.items()}


def iou(one, other):
    return (one & other).sum() / (one | other).sum()


@pytest.mark.parametrize("side", [20, 21, 33, 64, 150])
def test_coco_s_own_reader_sees_the_mask_that_was_found(written, side):
    """Discs, rings with a hole, ragged masks and crosses, at the corners and in the middle."""
    rng = np.random.default_rng(side)
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    disc = x * x + y * y <= (side / 2) ** 2
    shapes = {
        "disc": disc,
        "with a hole": disc & (x * x + y * y > (side / 5) ** 2),
        "ragged": disc & (rng.random((side, side)) > 0.3),
        "cross": (abs(x) < side / 8) | (abs(y) < side / 8),
        "full": np.ones((side, side), bool),
    }
    for left, top in ((0, 0), (300 - side, 200 - side), (41, 27)):
        drafts = [mask(region, left, top) for region in shapes.values()]
        _, masks = read(written(COCO, [image(*drafts, width=300, height=200)]))
        for (name, region), found in zip(shapes.items(), masks.values(), strict=True):
            whole = np.zeros((200, 300), np.uint8)
            whole[top : top + side, left : left + side] = region
            assert iou(whole, found) >= 0.98, (name, left, top)


def test_a_mask_with_holes_becomes_run_lengths_and_one_without_stays_an_outline(written):
    holed = Draft(1, 0.5, (10.0, 10.0, 51.0, 41.0), [[list(PART), list(HOLE)]])
    outlined = Draft(1, 0.4, (10.0, 10.0, 51.0, 41.0), [[list(PART), list(HOLE)]], "polygon")
    coco, masks = read(written(COCO, [image(holed, outlined)]))
    expected = np.zeros((50, 100), np.uint8)
    expected[10:41, 10:51] = 1
    assert coco.anns[2]["segmentation"] == [list(PART)]
    assert iou(masks[2], expected) >= 0.98
    expected[20:31, 20:31] = 0
    assert (masks[1] == expected).all()
    assert coco.anns[1]["segmentation"]["size"] == [50, 100]
    assert (coco.anns[1]["area"], coco.anns[1]["iscrowd"]) == (41 * 31 - 11 * 11, 0)


def test_a_label_that_takes_masks_only_gets_run_lengths_always(written):
    coco, _ = read(written(COCO, [image(Draft(1, 0.5, (10.0, 10.0, 51.0, 41.0), [[list(PART)]], "mask"))]))
    assert coco.anns[1]["segmentation"]["size"] == [50, 100]


@pytest.mark.parametrize(("left", "top"), [(0, 0), (99, 0), (0, 49), (99, 49), (50, 25)])
def test_one_pixel(written, left, top):
    _, masks = read(written(COCO, [image(mask(np.ones((1, 1), bool), left, top))]))
    assert np.argwhere(masks[1]).tolist() == [[top, left]]


def test_a_mask_outside_of_the_picture_keeps_its_outline(written):
    far = [[[200.0, 10.0, 210.5, 10.0, 210.5, 20.5]]]
    coco, _ = read(written(COCO, [image(Draft(1, 0.5, (0.0, 0.0, 1.0, 1.0), far))]))
    assert coco.anns[1]["segmentation"] == [far[0][0]]


def test_the_switch():
    assert COCO.switches.keys() == {"upright"}
    assert (COCO.upright, COCO.switches["upright"].upright) == (False, True)

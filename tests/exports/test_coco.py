"""COCO instances, as CVAT's importer and other tools read them."""

from __future__ import annotations

import json

from firstpass.contracts.export_format import Draft, DraftedImage
from firstpass.exports.coco import COCO

PART = [10.5, 10.0, 50.25, 10.0, 50.25, 40.0]
OTHER_PART = [60.0, 60.0, 90.0, 60.0, 90.0, 80.0, 60.0, 80.0]


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
    assert one["segmentation"] == [PART]
    assert one["area"] == 39.75 * 30 / 2
    assert two["segmentation"] == [PART, OTHER_PART]
    assert two["area"] == 39.75 * 30 / 2 + 30 * 20


def test_which_way_round_an_outline_runs_does_not_matter(written):
    backwards = [v for point in reversed(list(zip(PART[::2], PART[1::2], strict=True))) for v in point]
    images = [DraftedImage("a.jpg", 9, 9, [Draft(1, 0.5, (0.0, 0.0, 1.0, 1.0), [each]) for each in (PART, backwards)])]
    one, other = json.loads(written(COCO, images).read_text("utf-8"))["annotations"]
    assert one["area"] == other["area"] == 39.75 * 30 / 2


def test_sizes_are_told_to_a_thousandth_of_a_pixel(written):
    images = [DraftedImage("a.jpg", 9, 9, [Draft(1, 0.5, (0.0, 0.0, 1.23456, 2.34567), [])])]
    (one,) = json.loads(written(COCO, images).read_text("utf-8"))["annotations"]
    assert (one["bbox"], one["area"]) == ([0.0, 0.0, 1.235, 2.346], 2.896)


def test_of_nothing_there_is_an_empty_dataset(written):
    coco = json.loads(written(COCO, []).read_text("utf-8"))
    assert (coco["images"], coco["annotations"]) == ([], [])


def test_what_it_is_called():
    assert (COCO.title, COCO.main_file) == ("COCO 1.0", "annotations/instances_default.json")

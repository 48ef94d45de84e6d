"""Datumaro's own format."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from firstpass.contracts.export_format import Draft, DraftedImage
from firstpass.exports.datumaro import DATUMARO

from .conftest import HOLE, OTHER_PART, PART, image, mask


@pytest.fixture
def dataset(written, images):
    return json.loads(written(DATUMARO, images).read_text("utf-8"))


def test_the_head_says_where_the_drafts_come_from(dataset):
    assert dataset["info"] == {
        "author": "Firstpass",
        "description": "Drafts of run night <1> & more by toy@aaaaaaaaaaaa",
        "run": "night <1> & more",
    }
    assert dataset["categories"] == {
        "label": {
            "labels": [{"name": name, "parent": "", "attributes": []} for name in ("cat", "größe <b>", "dog")],
            "attributes": [],
        },
        "points": {"items": []},
    }


def test_items_are_called_like_their_file_without_its_suffix(dataset):
    assert [item["id"] for item in dataset["items"]] == ["a", "empty", "sub folder/größer/x & <y>.tar"]
    assert [item["attr"]["frame"] for item in dataset["items"]] == [0, 1, 2]
    assert dataset["items"][2]["image"] == {"path": "sub folder/größer/x & <y>.tar.png", "size": [50, 100]}


def test_boxes(dataset):
    assert dataset["items"][0]["annotations"] == [
        {
            "id": 0,
            "label_id": 0,
            "z_order": 0,
            "group": 0,
            "attributes": {"score": 0.875},
            "type": "bbox",
            "bbox": [10.5, 20.25, 100.0, 200.0],
        },
        {
            "id": 1,
            "label_id": 2,
            "z_order": 0,
            "group": 0,
            "attributes": {"score": 0.5},
            "type": "bbox",
            "bbox": [0.0, 0.1, 0.3, 0.3],
        },
    ]
    assert dataset["items"][1]["annotations"] == []


def test_the_parts_of_an_object_stay_together(dataset):
    shapes = dataset["items"][2]["annotations"]
    assert [(s["id"], s["type"], s["group"], s["label_id"]) for s in shapes] == [
        (0, "polygon", 1, 1),
        (1, "polygon", 1, 1),
        (2, "polygon", 0, 1),
    ]
    assert shapes[1]["points"] == list(OTHER_PART)
    assert [s["attributes"]["score"] for s in shapes] == [0.75, 0.75, 0.25]


@pytest.mark.parametrize(("name", "item"), [("a", "a"), (".hidden", ".hidden"), ("a.b/c", "a.b/c"), ("a.", "a.")])
def test_names_without_a_suffix(written, name, item):
    dataset = json.loads(written(DATUMARO, [DraftedImage(name, "file:///x", 1, 1, [])]).read_text("utf-8"))
    assert dataset["items"][0]["id"] == item


def test_sizes_are_told_to_a_thousandth_of_a_pixel(written):
    images = [DraftedImage("a.jpg", "file:///x", 9, 9, [Draft(1, 0.5, (0.0, 0.0, 1.23456, 2.34567), [])])]
    (item,) = json.loads(written(DATUMARO, images).read_text("utf-8"))["items"]
    assert item["annotations"][0]["bbox"] == [0.0, 0.0, 1.235, 2.346]


def test_of_nothing_there_is_an_empty_dataset(written):
    assert json.loads(written(DATUMARO, []).read_text("utf-8"))["items"] == []


def test_what_it_is_called():
    assert (DATUMARO.title, DATUMARO.main_file) == ("Datumaro 1.0", "annotations/default.json")


def test_a_mask_with_holes_is_a_mask(written):
    holed = Draft(1, 0.5, (10.0, 10.0, 51.0, 41.0), [[list(PART), list(HOLE)]])
    smooth = mask(np.ones((20, 20), bool), 5, 5, "mask")
    (item,) = json.loads(written(DATUMARO, [image(holed, smooth)]).read_text("utf-8"))["items"]
    first, second = item["annotations"]
    assert (first["type"], first["group"], first["attributes"]) == ("mask", 0, {"score": 0.5})
    expected = np.zeros((50, 100), np.uint8)
    expected[10:41, 10:51] = 1
    expected[20:31, 20:31] = 0
    assert (coco_mask.decode(first["rle"]) == expected).all()
    assert coco_mask.decode(second["rle"]).sum() == 400

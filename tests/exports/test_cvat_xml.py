"""CVAT for images, as CVAT's importer reads it."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest

from firstpass.contracts.class_table import ClassTable, ModelClass
from firstpass.contracts.export_format import Draft, DraftedImage
from firstpass.exports.cvat_xml import CVAT_XML

from .conftest import HEAD, HOLE, OTHER_PART, PART, image, mask

BOX = (0.0, 0.0, 1.0, 1.0)


@pytest.fixture
def root(written, images):
    return ET.fromstring(written(CVAT_XML, images).read_bytes())


def test_the_head_says_where_the_drafts_come_from(root):
    assert root.tag == "annotations"
    assert root.findtext("version") == "1.1"
    assert root.findtext("meta/task/name") == "Drafts of run night <1> & more by toy@aaaaaaaaaaaa"
    assert (root.findtext("meta/task/mode"), root.findtext("meta/task/author")) == ("annotation", "Firstpass")
    assert [(label.findtext("name"), label.findtext("type")) for label in root.iter("label")] == [
        ("cat", "any"),
        ("größe <b>", "any"),
        ("dog", "any"),
    ]


def test_images_are_numbered_from_zero(root):
    assert [image.attrib for image in root.findall("image")] == [
        {"id": "0", "name": "a.jpg", "width": "640", "height": "480"},
        {"id": "1", "name": "empty.jpg", "width": "640", "height": "480"},
        {"id": "2", "name": "sub folder/größer/x & <y>.tar.png", "width": "100", "height": "50"},
    ]
    assert len(root.findall("image")[1]) == 0


def test_boxes(root):
    first, second = root.findall("image/box")
    assert first.attrib == {
        "label": "cat",
        "source": "auto",
        "occluded": "0",
        "z_order": "0",
        "xtl": "10.50",
        "ytl": "20.25",
        "xbr": "110.50",
        "ybr": "220.25",
    }
    assert second.get("label") == "dog"


def test_the_parts_of_an_object_stay_together(root):
    polygons = root.findall("image/polygon")
    assert [p.get("points") for p in polygons] == [
        "10.00,10.00;50.50,10.00;50.50,40.50;10.00,40.50",
        "60.00,10.00;90.50,10.00;90.50,30.50;60.00,30.50",
        "10.00,10.00;50.50,10.00;50.50,40.50;10.00,40.50",
    ]
    assert [p.get("group_id") for p in polygons] == ["1", "1", None]
    assert {(p.get("label"), p.get("source"), p.get("occluded"), p.get("z_order")) for p in polygons} == {
        ("größe <b>", "auto", "0", "0")
    }


def test_groups_are_numbered_within_their_image(written):
    parts = [[list(PART)], [list(OTHER_PART)]]
    drafts = [Draft(1, 0.9, BOX, parts), Draft(1, 0.8, BOX, []), Draft(1, 0.7, BOX, parts)]
    images = [image(*drafts), image(*drafts, name="b.jpg")]
    root = ET.fromstring(written(CVAT_XML, images).read_bytes())
    assert [p.get("group_id") for p in root.findall("image/polygon")] == ["1", "1", "3", "3"] * 2


@pytest.mark.parametrize("odd", ["\x00", "\x0b", "\x1f", "\ufffe", "\uffff", "\ud800"])
def test_what_xml_cannot_hold_is_replaced_wherever_it_stands(written, odd):
    head = replace(HEAD, run_id=f"run{odd}1", classes=ClassTable((ModelClass(1, f"a{odd}b"),)))
    images = [DraftedImage(f"c{odd}.jpg", "file:///x", 9, 9, [Draft(1, 0.9, BOX, [])])]
    root = ET.fromstring(written(CVAT_XML, images, head).read_bytes())
    assert root.findtext("meta/task/name") == "Drafts of run run\ufffd1 by toy@aaaaaaaaaaaa"
    assert root.findtext("meta/task/labels/label/name") == root.find("image/box").get("label") == "a\ufffdb"
    assert root.find("image").get("name") == "c\ufffd.jpg"


@pytest.mark.parametrize(
    "name", ["tab\tand line\nend\r", "\x20~\x7f", "\ud7ff\ue000\ufffd", "\U00010000\U0010ffff", "'\""]
)
def test_what_xml_can_hold_stays(written, name):
    root = ET.fromstring(written(CVAT_XML, [DraftedImage(name, "file:///x", 9, 9, [])]).read_bytes())
    assert root.find("image").get("name") == name


def test_of_nothing_there_is_an_empty_dataset(written):
    assert ET.fromstring(written(CVAT_XML, []).read_bytes()).findall("image") == []


def test_what_it_is_called():
    assert (CVAT_XML.title, CVAT_XML.main_file) == ("CVAT for images 1.1", "annotations.xml")


def unpacked(element):
    """A mask element as CVAT's importer unpacks it: runs of 0 and 1 in turn, row by row within the box."""
    runs = [int(n) for n in element.get("rle").split(",")]
    width, height = int(element.get("width")), int(element.get("height"))
    flat = np.repeat(np.arange(len(runs)) % 2, runs)
    assert len(flat) == width * height
    whole = np.zeros((50, 100), np.uint8)
    top, left = int(element.get("top")), int(element.get("left"))
    whole[top : top + height, left : left + width] = flat.reshape(height, width)
    return whole


def test_a_mask_with_holes_is_a_mask(written):
    holed = Draft(1, 0.5, BOX, [[list(PART), list(HOLE)], [list(OTHER_PART)]])
    root = ET.fromstring(written(CVAT_XML, [image(holed)]).read_bytes())
    (element,) = root.findall("image/mask")
    assert root.find("image/polygon") is None
    expected = np.zeros((50, 100), np.uint8)
    expected[10:41, 10:51] = expected[10:31, 60:91] = 1
    expected[20:31, 20:31] = 0
    assert (unpacked(element) == expected).all()
    assert (element.get("label"), element.get("source"), element.get("group_id")) == ("cat", "auto", None)


def test_what_a_label_takes_decides(written):
    """`polygon` has outlines however ragged it is, `mask` a mask however smooth."""
    ragged = np.random.default_rng(1).random((20, 20)) > 0.3
    smooth = np.ones((20, 20), bool)
    drafts = [mask(ragged, 5, 5, "polygon"), mask(smooth, 5, 5, "mask"), mask(ragged, 5, 5), mask(smooth, 5, 5)]
    root = ET.fromstring(written(CVAT_XML, [image(*drafts)]).read_bytes())
    tags = [element.tag for element in root.find("image")]
    assert (tags[0], tags[-3:]) == ("polygon", ["mask", "mask", "polygon"])
    first, second = root.findall("image/mask")
    expected = np.zeros((50, 100), np.uint8)
    expected[5:25, 5:25] = 1
    assert (unpacked(first) == expected).all()
    expected[5:25, 5:25] = ragged
    assert (unpacked(second) == expected).all()

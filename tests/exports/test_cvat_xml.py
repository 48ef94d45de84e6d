"""CVAT for images, as CVAT's importer reads it."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from firstpass.contracts.class_table import ClassTable, ModelClass
from firstpass.contracts.export_format import Draft, DraftedImage
from firstpass.exports.cvat_xml import CVAT_XML

from .conftest import HEAD

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
        "10.50,10.00;50.25,10.00;50.25,40.00",
        "60.00,60.00;90.00,60.00;90.00,80.00;60.00,80.00",
        "10.50,10.00;50.25,10.00;50.25,40.00",
    ]
    assert [p.get("group_id") for p in polygons] == ["1", "1", None]
    assert {(p.get("label"), p.get("source"), p.get("occluded"), p.get("z_order")) for p in polygons} == {
        ("größe <b>", "auto", "0", "0")
    }


def test_groups_are_numbered_within_their_image(written):
    parts = [[0.0, 0.0, 1.0, 0.0, 1.0, 1.0]] * 2
    drafts = [Draft(1, 0.9, BOX, parts), Draft(1, 0.8, BOX, []), Draft(1, 0.7, BOX, parts)]
    images = [DraftedImage("a.jpg", 9, 9, drafts), DraftedImage("b.jpg", 9, 9, drafts)]
    root = ET.fromstring(written(CVAT_XML, images).read_bytes())
    assert [p.get("group_id") for p in root.findall("image/polygon")] == ["1", "1", "3", "3"] * 2


@pytest.mark.parametrize("odd", ["\x00", "\x0b", "\x1f", "\ufffe", "\uffff", "\ud800"])
def test_what_xml_cannot_hold_is_replaced_wherever_it_stands(written, odd):
    head = replace(HEAD, run_id=f"run{odd}1", classes=ClassTable((ModelClass(1, f"a{odd}b"),)))
    images = [DraftedImage(f"c{odd}.jpg", 9, 9, [Draft(1, 0.9, BOX, [])])]
    root = ET.fromstring(written(CVAT_XML, images, head).read_bytes())
    assert root.findtext("meta/task/name") == "Drafts of run run\ufffd1 by toy@aaaaaaaaaaaa"
    assert root.findtext("meta/task/labels/label/name") == root.find("image/box").get("label") == "a\ufffdb"
    assert root.find("image").get("name") == "c\ufffd.jpg"


@pytest.mark.parametrize(
    "name", ["tab\tand line\nend\r", "\x20~\x7f", "\ud7ff\ue000\ufffd", "\U00010000\U0010ffff", "'\""]
)
def test_what_xml_can_hold_stays(written, name):
    root = ET.fromstring(written(CVAT_XML, [DraftedImage(name, 9, 9, [])]).read_bytes())
    assert root.find("image").get("name") == name


def test_of_nothing_there_is_an_empty_dataset(written):
    assert ET.fromstring(written(CVAT_XML, []).read_bytes()).findall("image") == []


def test_what_it_is_called():
    assert (CVAT_XML.title, CVAT_XML.main_file) == ("CVAT for images 1.1", "annotations.xml")

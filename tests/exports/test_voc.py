"""Pascal VOC, as its readers in the wild read it."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from firstpass.contracts.class_table import ClassTable, ModelClass
from firstpass.contracts.export_format import Draft
from firstpass.exports.voc import VOC, VocFormat

from .conftest import HEAD, image

BOXES = [Draft(1, 0.9, (10.4, 20.5, 60.6, 40.5), []), Draft(2, 0.8, (0.0, 0.0, 100.0, 50.0), [])]


def boxes(path) -> list[tuple[int, ...]]:
    root = ET.fromstring(path.read_bytes())
    names = ("xmin", "ymin", "xmax", "ymax")
    return [tuple(int(each.findtext(name)) for name in names) for each in root.iter("bndbox")]


def test_a_file_per_image_and_the_list_of_them(written, images):
    listed = written(VOC, images)
    assert listed.read_text("utf-8") == "a\nempty\nsub folder/größer/x & <y>.tar\n"
    folder = listed.parents[2] / "Annotations"
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.xml"))
    assert names == ["a.xml", "empty.xml", "sub folder/größer/x & <y>.tar.xml"]


def test_what_is_in_the_file(written, images):
    folder = written(VOC, images).parents[2] / "Annotations"
    root = ET.fromstring((folder / "sub folder/größer/x & <y>.tar.xml").read_bytes())
    assert root.findtext("folder") == "sub folder/größer"
    assert root.findtext("filename") == "x & <y>.tar.png"
    assert root.findtext("source/database").startswith("Drafts of run night <1> & more")
    assert [root.findtext(f"size/{name}") for name in ("width", "height", "depth")] == ["100", "50", "3"]
    assert root.findtext("segmented") == "0"
    first, _ = root.findall("object")
    assert [first.findtext(name) for name in ("name", "pose", "truncated", "difficult")] == [
        "größe <b>", "Unspecified", "0", "0"
    ]  # fmt: skip
    assert ET.fromstring((folder / "empty.xml").read_bytes()).findall("object") == []


def test_boxes_are_whole_pixels_from_zero(written):
    folder = written(VOC, [image(*BOXES)]).parents[2] / "Annotations"
    assert boxes(folder / "a.xml") == [(10, 20, 61, 40), (0, 0, 100, 50)]


def test_or_from_one_as_voc_itself_counts(written):
    """The first pixel is 1, and the last one that is inside is named: the far edges stay."""
    assert VOC.switches == {"one-based": VocFormat(one_based=True)}
    folder = written(VOC.switches["one-based"], [image(*BOXES)]).parents[2] / "Annotations"
    assert boxes(folder / "a.xml") == [(11, 21, 61, 40), (1, 1, 100, 50)]


@pytest.mark.parametrize("odd", ["\x00", "\x0b", "\ud800"])
def test_what_xml_cannot_hold_is_replaced(written, odd):
    head = replace(HEAD, classes=ClassTable((ModelClass(1, f"a{odd}b"), ModelClass(2, "c"))))
    folder = written(VOC, [image(*BOXES)], head).parents[2] / "Annotations"
    assert ET.fromstring((folder / "a.xml").read_bytes()).findtext("object/name") == "a\ufffdb"


def test_of_nothing_there_is_an_empty_list(written):
    assert written(VOC, []).read_text() == ""


def test_what_it_is():
    assert (VOC.title, VOC.main_file, VOC.one_stem) == ("Pascal VOC", "ImageSets/Main/default.txt", True)


def test_the_label_map_has_every_name_that_it_can_hold(written):
    head = replace(
        HEAD, classes=ClassTable(tuple(ModelClass(n, name) for n, name in enumerate(["a b", "c:d", "ü"], 1)))
    )
    text = (written(VOC, [], head).parents[2] / "labelmap.txt").read_text("utf-8")
    assert text == "# label:color_rgb:parts:actions\na b:::\nü:::\n"

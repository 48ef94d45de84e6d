"""The export formats are found by entry point, and one that is none is told apart."""

from __future__ import annotations

import json
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest
import yaml

from firstpass import entry_points
from firstpass.contracts.class_table import ClassTable, ModelClass
from firstpass.contracts.export_format import Draft, DraftedImage, ExportHead
from firstpass.entry_points import Parts
from firstpass.errors import FirstpassError
from firstpass.exports.coco import COCO, CocoFormat
from firstpass.exports.cvat_xml import CVAT_XML
from firstpass.exports.datumaro import DATUMARO
from firstpass.exports.formats import format_of, formats
from firstpass.exports.label_studio import LABEL_STUDIO
from firstpass.exports.voc import VOC, VocFormat
from firstpass.exports.yolo import YOLO, YoloFormat


def test_the_built_in_ones_are_there():
    assert formats() == {
        "coco": COCO,
        "cvat": CVAT_XML,
        "datumaro": DATUMARO,
        "label_studio": LABEL_STUDIO,
        "voc": VOC,
        "yolo": YOLO,
    }
    assert format_of("coco") is COCO


def test_what_is_given_out_is_the_askers_own():
    formats().clear()
    assert "coco" in formats()


def test_one_that_is_not_installed_lists_what_there_is():
    with pytest.raises(FirstpassError, match="no export format 'csv'") as caught:
        format_of("csv")
    assert all(name in caught.value.fix for name in ("coco", "cvat", "datumaro", "label_studio", "voc", "yolo"))


@pytest.mark.parametrize(
    ("part", "fits"),
    [
        (COCO, True),
        (SimpleNamespace(write=print, main_file="a.txt"), True),
        (SimpleNamespace(write=print, main_file=""), False),
        (SimpleNamespace(write=print), False),
        (SimpleNamespace(write="no function", main_file="a.txt"), False),
        (SimpleNamespace(main_file="a.txt"), False),
        (None, False),
    ],
)
def test_a_format_writes_and_names_its_main_file(monkeypatch, part, fits):
    asked = {}

    def parts(group, check):
        asked[group] = check(part)
        return Parts({}, {})

    monkeypatch.setattr(entry_points, "parts", parts)
    formats()
    assert asked == {"firstpass.exports": fits}


def test_a_switch_gives_a_variant():
    assert format_of("coco", "upright") == CocoFormat(upright=True)
    assert format_of("voc", "one-based") == VocFormat(one_based=True)
    assert format_of("yolo", "with-scores") == YoloFormat(with_scores=True)


def test_a_switch_that_a_format_does_not_have():
    with pytest.raises(FirstpassError, match="the format coco has no switch 'one-based'") as caught:
        format_of("coco", "one-based")
    assert "it has upright" in caught.value.fix
    with pytest.raises(FirstpassError, match="the format cvat has no switch 'upright'") as caught:
        format_of("cvat", "upright")
    assert "it has none" in caught.value.fix


ODD = [
    "'",
    '"',
    "&",
    "<",
    ">",
    "\\",
    ":",
    "#",
    "%",
    "{",
    "\t",
    "\x00",
    "\x1f",
    "\u2028",
    "\ud800",
    "\U0001f98a",
    " ",
    "é",
    ".",
]


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", ["coco", "cvat", "datumaro", "label_studio", "voc", "yolo"])
def test_every_format_takes_every_name(tmp_path, name, odd):
    """Of classes, tasks, runs and images: what it writes can be read again."""
    classes = ClassTable((ModelClass(1, f"a{odd}b"), ModelClass(2, "plain")))
    head = ExportHead(f"run{odd}", "toy@1", "/p", classes, {}, task=f"task{odd}")
    file = "plain.jpg" if odd in "\x00\ud800" else f"c{odd}d.jpg"
    image = DraftedImage(file, "file:///x", 99, 99, [Draft(1, 0.5, (1.0, 2.0, 3.0, 4.0), [])])
    chosen = format_of(name)
    chosen.write(tmp_path, head, lambda: iter([image]))
    for path in tmp_path.rglob("*"):
        if path.suffix == ".json":
            assert json.loads(path.read_text("utf-8"))
        elif path.suffix == ".xml":
            ElementTree.fromstring(path.read_bytes())
        elif path.suffix == ".yaml":
            assert yaml.safe_load(path.read_text("utf-8"))["names"][1] == "plain"
    assert (tmp_path / chosen.main_file).is_file()

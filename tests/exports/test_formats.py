"""The export formats are found by entry point, and one that is none is told apart."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from firstpass import entry_points
from firstpass.entry_points import Parts
from firstpass.errors import FirstpassError
from firstpass.exports.coco import COCO
from firstpass.exports.cvat_xml import CVAT_XML
from firstpass.exports.datumaro import DATUMARO
from firstpass.exports.formats import format_of, formats


def test_the_built_in_ones_are_there():
    assert formats() == {"coco": COCO, "cvat": CVAT_XML, "datumaro": DATUMARO}
    assert format_of("coco") is COCO


def test_what_is_given_out_is_the_askers_own():
    formats().clear()
    assert "coco" in formats()


def test_one_that_is_not_installed_lists_what_there_is():
    with pytest.raises(FirstpassError, match="no export format 'yolo'") as caught:
        format_of("yolo")
    assert all(name in caught.value.fix for name in ("coco", "cvat", "datumaro"))


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

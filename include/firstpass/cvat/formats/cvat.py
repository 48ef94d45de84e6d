"""CVAT for images 1.1: boxes, or polygons where the network gives masks, grouped for an object in parts.

The format has no place for scores.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from io import TextIOWrapper
from xml.sax.saxutils import XMLGenerator
from xml.sax.xmlreader import AttributesImpl

from firstpass.cvat.drafts import Draft, Head

PATH = "annotations.xml"

_UNSPEAKABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0 cannot hold these at all


def write(file: TextIOWrapper, head: Head, drafts: Callable[[], Iterator[Draft]]) -> None:
    """The whole file, image by image: memory does not grow with their number."""
    xml = _Writer(file, encoding="utf-8", short_empty_elements=True)
    xml.startDocument()
    xml.open("annotations")
    xml.leaf("version", "1.1")
    _meta(xml, head)
    for number, draft in enumerate(drafts()):
        xml.open("image", id=number, name=draft.name, width=draft.width, height=draft.height)
        _shapes(xml, head, draft)
        xml.close("image")
    xml.close("annotations")


def _meta(xml: _Writer, head: Head) -> None:
    for name in ("meta", "task"):
        xml.open(name)
    xml.leaf("name", head.title)
    xml.leaf("mode", "annotation")
    xml.leaf("author", head.author)
    xml.open("labels")
    for each in head.classes.classes:
        xml.open("label")
        xml.leaf("name", each.name)
        xml.leaf("type", "any")
        xml.leaf("attributes", "")
        xml.close("label")
    for name in ("labels", "task", "meta"):
        xml.close(name)


def _shapes(xml: _Writer, head: Head, draft: Draft) -> None:
    names = head.classes.names
    group = 0
    for shape in draft.shapes:
        common = {"label": names[shape.class_id], "source": "auto", "occluded": 0}
        if not shape.polygons:
            corners = dict(zip(("xtl", "ytl", "xbr", "ybr"), map(_number, shape.box), strict=True))
            xml.open("box", **common, **corners, z_order=0)
            xml.close("box")
            continue
        parts = {}
        if len(shape.polygons) > 1:
            group += 1
            parts = {"group_id": group}
        for polygon in shape.polygons:
            pairs = zip(map(_number, polygon[::2]), map(_number, polygon[1::2]), strict=True)
            xml.open("polygon", **common, points=";".join(map(",".join, pairs)), z_order=0, **parts)
            xml.close("polygon")


def _number(value: float) -> str:
    return f"{value:.2f}"


class _Writer(XMLGenerator):
    """XMLGenerator with what every line here needs: keyword attributes, indented lines, text that XML can hold."""

    _depth = 0

    def open(self, element: str, **attributes: object) -> None:
        self.ignorableWhitespace("\n" + "  " * self._depth)
        self._depth += 1
        self.startElement(element, AttributesImpl({key: _text(value) for key, value in attributes.items()}))

    def close(self, element: str) -> None:
        self._depth -= 1
        self.endElement(element)

    def leaf(self, element: str, content: str) -> None:
        self.open(element)
        self.characters(_text(content))
        self.close(element)


def _text(value: object) -> str:
    return _UNSPEAKABLE.sub("\N{REPLACEMENT CHARACTER}", str(value))

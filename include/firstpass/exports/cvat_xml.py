"""CVAT for images 1.1: boxes, or polygons where the network gives masks, grouped for an object in parts.

The format has no place for scores.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from firstpass.contracts.export_format import Draft, DraftedImage, ExportHead

_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0 cannot hold these at all


class CvatXmlFormat:
    """See `ExportFormat`."""

    title = "CVAT for images 1.1"
    main_file = "annotations.xml"

    def write(self, folder: Path, head: ExportHead, images: Callable[[], Iterator[DraftedImage]]) -> None:
        """One file."""
        names = [_legal(each.name) for each in head.classes.classes]
        labels = "".join(f"\n<label><name>{escape(name)}</name><type>any</type><attributes/></label>" for name in names)
        quoted = {each.id: quoteattr(name) for each, name in zip(head.classes.classes, names, strict=True)}
        with (folder / self.main_file).open("w", encoding="utf-8", newline="\n") as file:
            file.write('<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n<version>1.1</version>\n')
            file.write(f"<meta><task><name>{escape(_legal(head.title))}</name><mode>annotation</mode>")
            file.write(f"<author>{escape(head.author)}</author>\n<labels>{labels}\n</labels></task></meta>\n")
            for number, image in enumerate(images()):
                name = quoteattr(_legal(image.name))
                file.write(f'<image id="{number}" name={name} width="{image.width}" height="{image.height}">\n')
                for group, draft in enumerate(image.drafts, 1):
                    file.writelines(_elements(draft, quoted[draft.class_id], group))
                file.write("</image>\n")
            file.write("</annotations>\n")


def _elements(draft: Draft, label: str, group: int) -> Iterator[str]:
    common = f'label={label} source="auto" occluded="0" z_order="0"'
    if len(draft.polygons) > 1:
        common += f' group_id="{group}"'
    for polygon in draft.polygons:
        points = ";".join(f"{x:.2f},{y:.2f}" for x, y in zip(polygon[::2], polygon[1::2], strict=True))
        yield f'<polygon {common} points="{points}"/>\n'
    if not draft.polygons:
        x1, y1, x2, y2 = draft.box
        yield f'<box {common} xtl="{x1:.2f}" ytl="{y1:.2f}" xbr="{x2:.2f}" ybr="{y2:.2f}"/>\n'


def _legal(text: str) -> str:
    return _NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", text)


CVAT_XML = CvatXmlFormat()

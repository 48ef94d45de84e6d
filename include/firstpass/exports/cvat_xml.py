"""CVAT for images 1.1: boxes, or where the network gives masks polygons or masks, whichever keep the pixels.

The polygons of an object in parts share a group. The format has no place for scores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from firstpass.contracts.export_format import Draft, DraftedImage, ExportHead
from firstpass.exports.pixels import PixelMask, pixel_mask
from firstpass.exports.xml_text import legal
from firstpass.geometry.masks import row_runs


class CvatXmlFormat:
    """See `ExportFormat`."""

    title = "CVAT for images 1.1"
    main_file = "annotations.xml"
    one_stem = True  # CVAT looks frames up without what follows the last dot

    def write(self, folder: Path, head: ExportHead, images: Callable[[], Iterator[DraftedImage]]) -> None:
        """One file."""
        names = [legal(each.name) for each in head.classes.classes]
        labels = "".join(f"\n<label><name>{escape(name)}</name><type>any</type><attributes/></label>" for name in names)
        quoted = {each.id: quoteattr(name) for each, name in zip(head.classes.classes, names, strict=True)}
        with (folder / self.main_file).open("w", encoding="utf-8", newline="\n") as file:
            file.write('<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n<version>1.1</version>\n')
            file.write(f"<meta><task><name>{escape(legal(head.task or head.title))}</name><mode>annotation</mode>")
            file.write(f"<author>{escape(head.author)}</author>\n<labels>{labels}\n</labels></task></meta>\n")
            for number, image in enumerate(images()):
                name = quoteattr(legal(image.name))
                file.write(f'<image id="{number}" name={name} width="{image.width}" height="{image.height}">\n')
                for group, draft in enumerate(image.drafts, 1):
                    file.writelines(_elements(draft, image, quoted[draft.class_id], group))
                file.write("</image>\n")
            file.write("</annotations>\n")


def _elements(draft: Draft, image: DraftedImage, label: str, group: int) -> Iterator[str]:
    common = f'label={label} source="auto" occluded="0" z_order="0"'
    mask = pixel_mask(draft, image.width, image.height)
    if mask is not None:
        yield f"<mask {common} {_run_lengths(mask)}/>\n"
        return
    if len(draft.polygons) > 1:
        common += f' group_id="{group}"'
    for ring, *_ in draft.polygons:
        points = ";".join(f"{x:.2f},{y:.2f}" for x, y in zip(ring[::2], ring[1::2], strict=True))
        yield f'<polygon {common} points="{points}"/>\n'
    if not draft.polygons:
        x1, y1, x2, y2 = draft.box
        yield f'<box {common} xtl="{x1:.2f}" ytl="{y1:.2f}" xbr="{x2:.2f}" ybr="{y2:.2f}"/>\n'


def _run_lengths(mask: PixelMask) -> str:
    """Where the mask lies, and the lengths of its runs."""
    height, width = mask.region.shape
    rle = ", ".join(map(str, row_runs(mask.region)))
    return f'rle="{rle}" left="{mask.left}" top="{mask.top}" width="{width}" height="{height}"'


CVAT_XML = CvatXmlFormat()

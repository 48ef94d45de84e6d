"""Pascal VOC: a file of boxes per image, without scores and outlines, for which the format has no place.

Boxes are whole pixels that begin at 0, as CVAT (through Datumaro) and FiftyOne read them; the switch `one-based` gives
those of the original data, which begin at 1 and name the last pixel inside: what Detectron2 undoes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from xml.sax.saxutils import escape

from firstpass.contracts.export_format import Draft, DraftedImage, ExportHead
from firstpass.exports.xml_text import legal


@dataclass(frozen=True, slots=True)
class VocFormat:
    """See `ExportFormat`. one_based: see above."""

    one_based: bool = False
    title: str = "Pascal VOC"
    main_file: str = "ImageSets/Main/default.txt"
    one_stem: bool = True  # the file of an image has its name but for what follows the last dot

    @property
    def switches(self) -> dict[str, VocFormat]:
        """Switch → the format with it."""
        return {"one-based": VocFormat(one_based=True)}

    def write(self, folder: Path, head: ExportHead, images: Callable[[], Iterator[DraftedImage]]) -> None:
        """Annotations/NAME.xml for each image, the list of names, and labelmap.txt, by which CVAT knows the labels.

        A label map has no way to write a colon: CVAT does not import such labels. The images belong into JPEGImages.
        """
        names = {each.id: escape(legal(each.name)) for each in head.classes.classes}
        lines = [f"{legal(each.name)}:::\n" for each in head.classes.classes if not set(each.name) & set(":\r\n")]
        text = "# label:color_rgb:parts:actions\n" + "".join(lines)
        (folder / "labelmap.txt").write_text(text, encoding="utf-8", newline="\n")
        listed = folder / self.main_file
        listed.parent.mkdir(parents=True)
        with listed.open("w", encoding="utf-8", newline="\n") as file:
            for image in images():
                stem = str(PurePosixPath(image.name).with_suffix(""))
                path = folder / "Annotations" / f"{stem}.xml"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(self._annotation(image, names, head), encoding="utf-8", newline="\n")
                file.write(f"{stem}\n")

    def _annotation(self, image: DraftedImage, names: dict[int, str], head: ExportHead) -> str:
        path = PurePosixPath(image.name)
        size = f"<width>{image.width}</width><height>{image.height}</height><depth>3</depth>"
        return (
            f"<annotation>\n<folder>{escape(legal(str(path.parent)))}</folder>\n"
            f"<filename>{escape(legal(path.name))}</filename>\n"
            f"<source><database>{escape(legal(head.title))}</database></source>\n"
            f"<size>{size}</size>\n<segmented>0</segmented>\n"
            + "".join(self._object(draft, names[draft.class_id]) for draft in image.drafts)
            + "</annotation>\n"
        )

    def _object(self, draft: Draft, name: str) -> str:
        first = 1 if self.one_based else 0
        x1, y1, x2, y2 = map(round, draft.box)
        return (
            f"<object><name>{name}</name><pose>Unspecified</pose><truncated>0</truncated><difficult>0</difficult>"
            f"<bndbox><xmin>{x1 + first}</xmin><ymin>{y1 + first}</ymin><xmax>{x2}</xmax><ymax>{y2}</ymax></bndbox>"
            "</object>\n"
        )


VOC = VocFormat()

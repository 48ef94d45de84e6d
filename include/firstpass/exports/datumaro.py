"""Datumaro 1.0: boxes, or where the network gives masks polygons or masks, whichever keep the pixels.

The polygons of an object in parts share a group. Scores are kept as attributes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from firstpass.contracts.export_format import Draft, DraftedImage, ExportHead
from firstpass.exports.json_text import open_json, to_json, write_rows
from firstpass.exports.pixels import pixel_mask


class DatumaroFormat:
    """See `ExportFormat`."""

    title = "Datumaro 1.0"
    main_file = "annotations/default.json"
    one_stem = True  # an item's id is its image's name without what follows the last dot

    def write(self, folder: Path, head: ExportHead, images: Callable[[], Iterator[DraftedImage]]) -> None:
        """One file."""
        path = folder / self.main_file
        path.parent.mkdir(parents=True)
        labels = [{"name": c.name, "parent": "", "attributes": []} for c in head.classes.classes]
        index = {c.id: number for number, c in enumerate(head.classes.classes)}
        categories = {"label": {"labels": labels, "attributes": []}, "points": {"items": []}}
        info = {"author": head.author, "description": head.title, "run": head.run_id}
        with open_json(path) as file:
            file.write(f'{{"info": {to_json(info)},\n"categories": {to_json(categories)},\n"items": [')
            write_rows(file, (_item(number, image, index) for number, image in enumerate(images())))
            file.write("]}\n")


def _item(number: int, image: DraftedImage, index: dict[int, int]) -> dict[str, Any]:
    annotations: list[dict[str, Any]] = []
    for group, draft in enumerate(image.drafts, 1):
        parts = list(_parts(draft, image))
        for part in parts:
            common = {"id": len(annotations), "label_id": index[draft.class_id], "z_order": 0}
            more = {"group": group if len(parts) > 1 else 0, "attributes": {"score": draft.score}}
            annotations.append(common | more | part)
    return {
        "id": str(PurePosixPath(image.name).with_suffix("")),
        "annotations": annotations,
        "attr": {"frame": number},
        "image": {"path": image.name, "size": [image.height, image.width]},
    }


def _parts(draft: Draft, image: DraftedImage) -> Iterator[dict[str, Any]]:
    mask = pixel_mask(draft, image.width, image.height)
    if mask is not None:
        yield {"type": "mask", "rle": mask.run_lengths(image.width, image.height)}
        return
    for outer, *_ in draft.polygons:
        yield {"type": "polygon", "points": outer}
    if not draft.polygons:
        x1, y1, x2, y2 = draft.box
        yield {"type": "bbox", "bbox": [x1, y1, round(x2 - x1, 3), round(y2 - y1, 3)]}


DATUMARO = DatumaroFormat()

"""COCO 1.0, instances: boxes, or where the network gives masks polygons or run lengths, whichever keep the mask.

The score is kept as `score`, which CVAT ignores and FiftyOne reads. Category ids are those of the data set's classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firstpass.contracts.export_format import Draft, DraftedImage, ExportHead
from firstpass.exports.json_text import open_json, to_json, write_rows
from firstpass.exports.pixels import pixel_mask


@dataclass(frozen=True, slots=True)
class CocoFormat:
    """See `ExportFormat`. upright: in coordinates of the picture as FiftyOne and Label Studio show it."""

    upright: bool = False
    title: str = "COCO 1.0"
    main_file: str = "annotations/instances_default.json"

    @property
    def switches(self) -> dict[str, CocoFormat]:
        """Switch → the format with it."""
        return {"upright": CocoFormat(upright=True)}

    def write(self, folder: Path, head: ExportHead, images: Callable[[], Iterator[DraftedImage]]) -> None:
        """One file, its images first and their annotations after them."""
        path = folder / self.main_file
        path.parent.mkdir(parents=True)
        categories = [{"id": c.id, "name": c.name, "supercategory": ""} for c in head.classes.classes]
        info = {"description": head.title, "contributor": head.author, "version": head.run_id}
        with open_json(path) as file:
            file.write(f'{{"info": {to_json(info)},\n')
            file.write(f'"licenses": [{to_json({"id": 0, "name": "", "url": ""})}],\n')
            file.write(f'"categories": {to_json(categories)},\n"images": [')
            write_rows(file, (_image(number, image) for number, image in enumerate(images(), 1)))
            file.write('],\n"annotations": [')
            write_rows(file, _annotations(images()))
            file.write("]}\n")


def _image(number: int, image: DraftedImage) -> dict[str, Any]:
    size = {"width": image.width, "height": image.height}
    return {"id": number, "file_name": image.name, **size, "license": 0, "flickr_url": "", "coco_url": ""}


def _annotations(images: Iterator[DraftedImage]) -> Iterator[dict[str, Any]]:
    number = 0
    for image_id, image in enumerate(images, 1):
        for draft in image.drafts:
            number += 1
            yield {"id": number, "image_id": image_id, **_annotation(draft, image)}


def _annotation(draft: Draft, image: DraftedImage) -> dict[str, Any]:
    x1, y1, x2, y2 = draft.box
    mask = pixel_mask(draft, image.width, image.height) if draft.polygons else None
    outer = [part[0] for part in draft.polygons]
    area = round(sum(map(_area, outer)) or (x2 - x1) * (y2 - y1), 3)
    return {
        "category_id": draft.class_id,
        "bbox": [x1, y1, round(x2 - x1, 3), round(y2 - y1, 3)],
        "segmentation": outer if mask is None else mask.run_lengths(image.width, image.height),
        "area": area if mask is None else float(mask.region.sum()),
        "iscrowd": 0,
        "score": draft.score,
    }


def _area(ring: list[float]) -> float:
    """By the shoelace formula, in square pixels."""
    xs, ys = ring[::2], ring[1::2]
    following = zip(xs[1:] + xs[:1], ys[1:] + ys[:1], strict=True)
    return abs(sum(x * y2 - x2 * y for (x, y), (x2, y2) in zip(zip(xs, ys, strict=True), following, strict=True))) / 2


COCO = CocoFormat()

"""COCO 1.0, instances: boxes, or polygons where the network gives masks, several for an object in parts.

The score is kept as `score`, which CVAT passes over. Category ids are the model's class ids.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from io import TextIOWrapper
from typing import Any

from firstpass.cvat.drafts import Draft, Head, Shape

PATH = "annotations/instances_default.json"

_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode  # made once: json.dumps makes one a call


def write(file: TextIOWrapper, head: Head, drafts: Callable[[], Iterator[Draft]]) -> None:
    """The whole file, image by image: memory does not grow with their number."""
    categories = [{"id": c.id, "name": c.name, "supercategory": ""} for c in head.classes.classes]
    file.write(f'{{"info": {_json({"description": head.title, "contributor": head.author, "version": head.run_id})},\n')
    file.write(f'"licenses": [{_json({"id": 0, "name": "", "url": ""})}],\n"categories": {_json(categories)},\n')
    file.write('"images": [')
    _join(file, (_image(number, draft) for number, draft in enumerate(drafts(), 1)))
    file.write('],\n"annotations": [')
    _join(file, _annotations(drafts()))
    file.write("]}\n")


def _image(number: int, draft: Draft) -> dict[str, Any]:
    size = {"width": draft.width, "height": draft.height}
    return {"id": number, "file_name": draft.name, **size, "license": 0, "flickr_url": "", "coco_url": ""}


def _annotations(drafts: Iterator[Draft]) -> Iterator[dict[str, Any]]:
    number = 0
    for image, draft in enumerate(drafts, 1):
        for shape in draft.shapes:
            number += 1
            yield {"id": number, "image_id": image, **_shape(shape)}


def _shape(shape: Shape) -> dict[str, Any]:
    x1, y1, x2, y2 = shape.box
    return {
        "category_id": shape.class_id,
        "bbox": [x1, y1, round(x2 - x1, 3), round(y2 - y1, 3)],
        "segmentation": shape.polygons,
        "area": round(sum(map(_area, shape.polygons)) or (x2 - x1) * (y2 - y1), 3),
        "iscrowd": 0,
        "score": shape.score,
    }


def _area(polygon: list[float]) -> float:
    """By the shoelace formula, in square pixels."""
    xs, ys = polygon[::2], polygon[1::2]
    following = zip(xs[1:] + xs[:1], ys[1:] + ys[:1], strict=True)
    return abs(sum(x * y2 - x2 * y for (x, y), (x2, y2) in zip(zip(xs, ys, strict=True), following, strict=True))) / 2


def _join(file: TextIOWrapper, rows: Iterator[dict[str, Any]]) -> None:
    separator = "\n"
    for row in rows:
        file.write(separator + _json(row))
        separator = ",\n"

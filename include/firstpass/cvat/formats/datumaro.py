"""Datumaro 1.0: boxes, or polygons where the network gives masks, grouped for an object in parts. Keeps the score."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from io import TextIOWrapper
from pathlib import PurePosixPath
from typing import Any

from firstpass.cvat.drafts import Draft, Head, Shape

PATH = "annotations/default.json"

_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode  # made once: json.dumps makes one a call


def write(file: TextIOWrapper, head: Head, drafts: Callable[[], Iterator[Draft]]) -> None:
    """The whole file, image by image: memory does not grow with their number."""
    labels = [{"name": c.name, "parent": "", "attributes": []} for c in head.classes.classes]
    index = {c.id: number for number, c in enumerate(head.classes.classes)}
    categories = {"label": {"labels": labels, "attributes": []}, "points": {"items": []}}
    info = {"author": head.author, "description": head.title, "run": head.run_id}
    file.write(f'{{"info": {_json(info)},\n"categories": {_json(categories)},\n"items": [')
    for number, draft in enumerate(drafts()):
        file.write((",\n" if number else "\n") + _json(_item(number, draft, index)))
    file.write("]}\n")


def _item(number: int, draft: Draft, index: dict[int, int]) -> dict[str, Any]:
    annotations: list[dict[str, Any]] = []
    for group, shape in enumerate(draft.shapes, 1):
        parts = list(_parts(shape))
        for part in parts:
            common = {"id": len(annotations), "label_id": index[shape.class_id], "z_order": 0}
            more = {"group": group if len(parts) > 1 else 0, "attributes": {"score": shape.score}}
            annotations.append(common | more | part)
    return {
        "id": str(PurePosixPath(draft.name).with_suffix("")),
        "annotations": annotations,
        "attr": {"frame": number},
        "image": {"path": draft.name, "size": [draft.height, draft.width]},
    }


def _parts(shape: Shape) -> Iterator[dict[str, Any]]:
    for polygon in shape.polygons:
        yield {"type": "polygon", "points": polygon}
    if not shape.polygons:
        x1, y1, x2, y2 = shape.box
        yield {"type": "bbox", "bbox": [x1, y1, round(x2 - x1, 3), round(y2 - y1, 3)]}

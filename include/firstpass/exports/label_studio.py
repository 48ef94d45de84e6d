"""Label Studio: tasks with predictions, and the labelling configuration that they fit.

Boxes and outlines are in percent of the upright picture, each with its score. A prediction's own score is the mean of
them. Label Studio makes new tasks of the file each time it is imported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import floor
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from firstpass.contracts.export_format import Draft, DraftedImage, ExportHead
from firstpass.exports.json_text import open_json, write_rows
from firstpass.exports.xml_text import legal

_BOXES, _OUTLINES = "label", "outline"  # what the configuration calls the tags that draw them


class LabelStudioFormat:
    """See `ExportFormat`."""

    title = "Label Studio"
    main_file = "tasks.json"
    upright = True
    holes = False

    def write(self, folder: Path, head: ExportHead, images: Callable[[], Iterator[DraftedImage]]) -> None:
        """tasks.json to import, and config.xml to paste into the project's settings before."""
        names = {each.id: legal(each.name) for each in head.classes.classes}
        labels = "".join(f"<Label value={quoteattr(name)}/>" for name in names.values())
        config = (
            f"<!-- {head.author} -->\n<View>\n"
            '<Image name="image" value="$image"/>\n'
            f'<RectangleLabels name="{_BOXES}" toName="image">{labels}</RectangleLabels>\n'
            f'<PolygonLabels name="{_OUTLINES}" toName="image">{labels}</PolygonLabels>\n</View>\n'
        )
        (folder / "config.xml").write_text(config, encoding="utf-8", newline="\n")
        with open_json(folder / self.main_file) as file:
            file.write("[")
            write_rows(file, (_task(image, names, head) for image in images()))
            file.write("]\n")


def _task(image: DraftedImage, names: dict[int, str], head: ExportHead) -> dict[str, Any]:
    prediction: dict[str, Any] = {
        "model_version": head.model,
        "result": [region for n, draft in enumerate(image.drafts, 1) for region in _regions(draft, n, image, names)],
    }
    if image.drafts:
        scores = [min(draft.score, 1.0) for draft in image.drafts]
        prediction["score"] = round(sum(scores) / len(scores), 6)
    return {"data": {"image": _address(image)}, "predictions": [prediction], "meta": {"name": image.name}}


def _address(image: DraftedImage) -> str:
    """Where the browser gets the picture: from the bucket, or from the folder that Label Studio serves."""
    if image.uri.startswith("s3://"):
        return image.uri
    return f"/data/local-files/?d={quote(image.name, errors='replace')}"


def _regions(draft: Draft, number: int, image: DraftedImage, names: dict[int, str]) -> Iterator[dict[str, Any]]:
    common = {
        "to_name": "image",
        "original_width": image.width,
        "original_height": image.height,
        "image_rotation": 0,
        "score": min(draft.score, 1.0),
    }
    label = [names[draft.class_id]]
    for part, (ring, *_) in enumerate(draft.polygons, 1):
        points = [
            [_percent(x, image.width), _percent(y, image.height)] for x, y in zip(ring[::2], ring[1::2], strict=True)
        ]
        value: dict[str, Any] = {"points": points, "closed": True, "polygonlabels": label}
        kind = {"id": f"{number}-{part}", "type": "polygonlabels", "from_name": _OUTLINES}
        yield kind | common | {"value": value}
    if not draft.polygons:
        x1, x2 = (_percent(x, image.width) for x in draft.box[::2])
        y1, y2 = (_percent(y, image.height) for y in draft.box[1::2])
        value = {"x": x1, "y": y1, "width": _down(x2 - x1), "height": _down(y2 - y1), "rotation": 0}
        kind = {"id": f"{number}", "type": "rectanglelabels", "from_name": _BOXES}
        yield kind | common | {"value": value | {"rectanglelabels": label}}


def _percent(value: float, size: int) -> float:
    return _down(min(max(100 * value / size, 0.0), 100.0))


def _down(percent: float) -> float:
    """To four decimals and never up: a value of 100.00001 is refused."""
    return floor(percent * 10_000 + 1e-6) / 10_000


LABEL_STUDIO = LabelStudioFormat()

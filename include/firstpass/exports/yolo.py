"""YOLO as Ultralytics trains on it: boxes, or outlines where the network gives masks.

Coordinates are shares of the upright picture's width and height. Readers of the training format refuse a whole image
whose rows have a score; the switch `with-scores` writes the other dialect, rows of boxes with a sixth column, which
Label Studio's and FiftyOne's importers read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from firstpass.contracts.export_format import Draft, DraftedImage, ExportHead


@dataclass(frozen=True, slots=True)
class YoloFormat:
    """See `ExportFormat`. with_scores: see above."""

    with_scores: bool = False
    title: str = "Ultralytics YOLO"
    main_file: str = "data.yaml"
    upright: bool = True
    one_stem: bool = True  # the labels of an image are in a file of its name but for what follows the last dot
    holes: bool = False

    @property
    def switches(self) -> dict[str, YoloFormat]:
        """Switch → the format with it."""
        return {"with-scores": YoloFormat(with_scores=True)}

    def write(self, folder: Path, head: ExportHead, images: Callable[[], Iterator[DraftedImage]]) -> None:
        """data.yaml, the list train.txt, and a file of labels for each image; the images belong into images/.

        The list names the images, so that one that was never looked at does not count as one without objects.
        """
        numbers = {each.id: number for number, each in enumerate(head.classes.classes)}
        names = "".join(f"  {n}: {json.dumps(each.name)}\n" for n, each in enumerate(head.classes.classes))
        # Without a `path` the lists lie beside this file; a relative one would be taken from where training starts.
        lists = "train: train.txt\nval: train.txt\n"
        text = f"# {json.dumps(head.title)}\n# {head.author}\n{lists}names:\n{names}"
        (folder / self.main_file).write_text(text, encoding="utf-8", newline="\n")
        with (folder / "train.txt").open("w", encoding="utf-8", newline="\n") as file:
            for image in images():
                path = folder / _label_file(image.name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text("".join(self._rows(image, numbers)), encoding="utf-8", newline="\n")
                file.write(f"./images/{image.name}\n")

    def _rows(self, image: DraftedImage, numbers: dict[int, int]) -> Iterator[str]:
        outlines = not self.with_scores and any(draft.polygons for draft in image.drafts)
        for draft in image.drafts:
            number = numbers[draft.class_id]
            if outlines:  # in one file all rows have to be outlines or all boxes
                for ring in [part[0] for part in draft.polygons] or [_corners(draft)]:
                    yield f"{number} {_fractions(ring, image)}\n"
            else:
                x1, y1, x2, y2 = draft.box
                box = _fractions([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1], image)
                yield f"{number} {box} {draft.score:.4f}\n" if self.with_scores else f"{number} {box}\n"


def _label_file(name: str) -> str:
    """Where its readers look for an image's labels: `labels` for the last `images` among the folders of its path."""
    path = PurePosixPath("images", name)
    folders = list(path.parent.parts)
    last = len(folders) - 1 - folders[::-1].index("images")
    folders[last] = "labels"
    return str(PurePosixPath(*folders, path.name).with_suffix(".txt"))


def _corners(draft: Draft) -> list[float]:
    x1, y1, x2, y2 = draft.box
    return [x1, y1, x2, y1, x2, y2, x1, y2]


def _fractions(values: list[float], image: DraftedImage) -> str:
    """x, y, x, y, … as shares of width and height, 0..1."""
    sizes = (image.width, image.height)
    return " ".join(f"{min(max(value / sizes[i % 2], 0.0), 1.0):.6f}" for i, value in enumerate(values))


YOLO = YoloFormat()

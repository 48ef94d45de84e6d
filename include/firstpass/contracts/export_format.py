"""What an export format is, and the records that it is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from firstpass.contracts.class_table import ClassTable


@dataclass(frozen=True, slots=True)
class ExportHead:
    """What describes one data set.

    classes: what the drafts' class ids mean; for a task of CVAT these are its labels. left_out: reason → images that
    are not in it. task: what CVAT calls the task, empty elsewhere.
    """

    run_id: str
    model: str
    images_uri: str
    classes: ClassTable
    left_out: dict[str, int]
    task: str = ""

    @property
    def title(self) -> str:
        """One line that says where the drafts come from."""
        return f"Drafts of run {self.run_id} by {self.model}"

    @property
    def author(self) -> str:
        """Who wrote the file."""
        return "Firstpass"


@dataclass(frozen=True, slots=True)
class Draft:
    """One detection that is shown to people.

    box: x1, y1, x2, y2 in pixels of the picture. polygons: [part][ring], the outer ring of each part first, then its
    holes, each flat as x, y, x, y, …; none for a box. shape: what it must be drawn as, because the label takes nothing
    else: `rectangle`, `polygon` (outer rings only) or `mask`; empty for whichever keeps every pixel.
    """

    class_id: int
    score: float
    box: tuple[float, float, float, float]
    polygons: list[list[list[float]]]
    shape: str = ""


@dataclass(frozen=True, slots=True)
class DraftedImage:
    """One image and its drafts by descending score.

    name: relative to the run's image folder; of a frame what CVAT calls it. uri: where it lies. width, height: in
    pixels, of the picture as it is stored, or upright for a format that wants that.
    """

    name: str
    uri: str
    width: int
    height: int
    drafts: list[Draft]


class ExportFormat(Protocol):
    """A file format for drafts, found by an entry point of the group `firstpass.exports`; its name is the format's.

    title: the format and its version, as people call it. main_file: the file that another tool is pointed at, relative
    to the folder that is exported to. More may be left out. upright: whether its readers turn photographs by their
    EXIF orientation, so that coordinates belong to the upright picture. one_stem: whether images whose names differ
    only in what follows the last dot are one to its readers; such images are left out. holes: False for a format that
    cannot hold them. switches: name → a variant of the format.
    """

    title: str
    main_file: str

    def write(self, folder: Path, head: ExportHead, images: Callable[[], Iterator[DraftedImage]]) -> None:
        """Write everything below `folder`, which is empty, image by image: memory must not grow with their number.

        `images` begins with the first image again each time it is called. Firstpass brings the files to their place
        when this returns; a format that raises leaves an earlier export as it was.
        """

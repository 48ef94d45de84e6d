"""What an export format is, and the records that it is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from firstpass.contracts.class_table import ClassTable


@dataclass(frozen=True, slots=True)
class ExportHead:
    """What describes the whole export. left_out: images without a prediction, by outcome."""

    run_id: str
    model: str
    images_uri: str
    classes: ClassTable
    left_out: dict[str, int]

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

    box: x1, y1, x2, y2 in pixels of the stored image. polygons: flat x, y, x, y, … of each part; none for a box.
    """

    class_id: int
    score: float
    box: tuple[float, float, float, float]
    polygons: list[list[float]]


@dataclass(frozen=True, slots=True)
class DraftedImage:
    """One image, its name relative to the run's image folder, and its drafts by descending score."""

    name: str
    width: int
    height: int
    drafts: list[Draft]


class ExportFormat(Protocol):
    """A file format for drafts, found by an entry point of the group `firstpass.exports`; its name is the format's.

    title: the format and its version, as people call it. main_file: the file that another tool is pointed at, relative
    to the folder that is exported to.
    """

    title: str
    main_file: str

    def write(self, folder: Path, head: ExportHead, images: Callable[[], Iterator[DraftedImage]]) -> None:
        """Write everything below `folder`, which is empty, image by image: memory must not grow with their number.

        `images` begins with the first image again each time it is called. Firstpass brings the files to their place
        when this returns; a format that raises leaves an earlier export as it was.
        """

"""Drafts made by hand, as a format is given them, and the files that it makes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from firstpass.contracts.class_table import ClassTable, ModelClass
from firstpass.contracts.export_format import Draft, DraftedImage, ExportFormat, ExportHead

HEAD = ExportHead(
    run_id="night <1> & more",
    model="toy@aaaaaaaaaaaa",
    images_uri="/photos",
    classes=ClassTable((ModelClass(1, "cat"), ModelClass(2, "größe <b>"), ModelClass(5, "dog"))),
    left_out={},
)


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    """`written(format, images)`: its main file, with these images and another head if need be."""

    def write(chosen: ExportFormat, images: list[DraftedImage], head: ExportHead = HEAD) -> Path:
        passes = 0

        def again() -> Iterator[DraftedImage]:
            nonlocal passes
            passes += 1
            return iter(images)

        folder = tmp_path / "export"
        folder.mkdir()
        chosen.write(folder, head, again)
        assert passes
        assert [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()] == [
            chosen.main_file
        ]
        return folder / chosen.main_file

    return write


@pytest.fixture
def images() -> list[DraftedImage]:
    """Two boxes on one image, none on the next, an object in two parts and one in one on the last."""
    part, other = [10.5, 10.0, 50.25, 10.0, 50.25, 40.0], [60.0, 60.0, 90.0, 60.0, 90.0, 80.0, 60.0, 80.0]
    return [
        DraftedImage(
            "a.jpg",
            640,
            480,
            [Draft(1, 0.875, (10.5, 20.25, 110.5, 220.25), []), Draft(5, 0.5, (0.0, 0.1, 0.3, 0.4), [])],
        ),
        DraftedImage("empty.jpg", 640, 480, []),
        DraftedImage(
            "sub folder/größer/x & <y>.tar.png",
            100,
            50,
            [
                Draft(2, 0.75, (10.5, 10.0, 90.0, 80.0), [part, other]),
                Draft(2, 0.25, (10.5, 10.0, 50.25, 40.0), [part]),
            ],
        ),
    ]

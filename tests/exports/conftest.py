"""Drafts made by hand, as a format is given them, and the files that it makes of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from firstpass.contracts.class_table import ClassTable, ModelClass
from firstpass.contracts.export_format import Draft, DraftedImage, ExportFormat, ExportHead
from firstpass.geometry.outlines import mask_to_polygons

HEAD = ExportHead(
    run_id="night <1> & more",
    model="toy@aaaaaaaaaaaa",
    images_uri="/photos",
    classes=ClassTable((ModelClass(1, "cat"), ModelClass(2, "größe <b>"), ModelClass(5, "dog"))),
    left_out={},
)

PART = (10.0, 10.0, 50.5, 10.0, 50.5, 40.5, 10.0, 40.5)
"""An outer ring as `mask_to_polygons` gives it, of the 41 × 31 pixels from (10, 10) on."""
OTHER_PART = (60.0, 10.0, 90.5, 10.0, 90.5, 30.5, 60.0, 30.5)
HOLE = (20.0, 20.0, 30.5, 20.0, 30.5, 30.5, 20.0, 30.5)


def image(*drafts: Draft, name: str = "a.jpg", width: int = 100, height: int = 50) -> DraftedImage:
    return DraftedImage(name, f"file:///photos/{name}", width, height, list(drafts))


def mask(region: NDArray[np.bool_], left: int = 0, top: int = 0, shape: str = "", score: float = 0.5) -> Draft:
    """A draft with this mask, as inference would have stored it."""
    parts = mask_to_polygons(region, (left, top))
    rings = [[np.round(ring, 2).astype(float).ravel().tolist() for ring in part] for part in parts]
    height, width = region.shape
    return Draft(1, score, (left, top, left + width, top + height), rings, shape)


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
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        chosen.write(folder, head, again)
        assert passes
        assert (folder / chosen.main_file).is_file()
        return folder / chosen.main_file

    return write


@pytest.fixture
def images() -> list[DraftedImage]:
    """Two boxes on one image, none on the next, an object in two parts and one in one on the last."""
    part, other = list(PART), list(OTHER_PART)
    return [
        DraftedImage(
            "a.jpg",
            "file:///photos/a.jpg",
            640,
            480,
            [Draft(1, 0.875, (10.5, 20.25, 110.5, 220.25), []), Draft(5, 0.5, (0.0, 0.1, 0.3, 0.4), [])],
        ),
        DraftedImage("empty.jpg", "s3://photos/empty.jpg", 640, 480, []),
        DraftedImage(
            "sub folder/größer/x & <y>.tar.png",
            "file:///photos/x.png",
            100,
            50,
            [
                Draft(2, 0.75, (10.5, 10.0, 90.0, 80.0), [[part], [other]]),
                Draft(2, 0.25, (10.5, 10.0, 50.25, 40.0), [[part]]),
            ],
        ),
    ]

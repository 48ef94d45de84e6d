"""YOLO data sets, held against the rules by which Ultralytics throws out images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from firstpass.contracts.class_table import ClassTable, ModelClass
from firstpass.contracts.export_format import Draft
from firstpass.exports.yolo import YOLO, YoloFormat

from .conftest import HEAD, OTHER_PART, PART, image


def labels(data: Path, image_line: str) -> list[list[float]]:
    """What Ultralytics reads for an image of the list: an error is an image thrown out."""
    path = str((data.parent / image_line).with_suffix(".txt"))
    path = "/labels/".join(path.rsplit("/images/", 1))
    count = len(yaml.safe_load(data.read_text("utf-8"))["names"])
    rows = [[float(value) for value in line.split()] for line in Path(path).read_text("utf-8").splitlines()]
    segments = any(len(row) > 6 for row in rows)
    for row in rows:
        assert (len(row) >= 7 and len(row) % 2 == 1) if segments else len(row) == 5, row
        assert row[0] in range(count)
        assert all(0 <= value <= 1 for value in row[1:])
    return rows


def lines(data: Path) -> list[str]:
    return (data.parent / "train.txt").read_text("utf-8").splitlines()


def test_the_head_names_classes_from_zero_and_both_lists(written, images):
    head = yaml.safe_load(written(YOLO, images).read_text("utf-8"))
    assert head == {
        "train": "train.txt",
        "val": "train.txt",
        "names": {0: "cat", 1: "größe <b>", 2: "dog"},
    }


@pytest.mark.parametrize("name", ["1", "yes", "a: b", "# c", "'\"", "{x}", "tab\t", "ü\u2028", "null", "\\n"])
def test_any_name_comes_back_as_it_was(written, name):
    head = replace(HEAD, run_id=f"x\n{name}", classes=ClassTable((ModelClass(7, name),)))
    assert yaml.safe_load(written(YOLO, [], head).read_text("utf-8"))["names"] == {0: name}


def test_boxes_are_centres_and_sizes_as_shares(written):
    draft = Draft(5, 0.9, (10.0, 20.0, 60.0, 40.0), [])
    data = written(YOLO, [image(draft), image(name="none.jpg")])
    assert lines(data) == ["./images/a.jpg", "./images/none.jpg"]
    assert labels(data, lines(data)[0]) == [[2, 0.35, 0.6, 0.5, 0.4]]
    assert labels(data, lines(data)[1]) == []


def test_outlines_are_a_row_per_part_and_boxes_beside_them_have_corners(written):
    parts = Draft(1, 0.9, (10.0, 10.0, 91.0, 41.0), [[list(PART)], [list(OTHER_PART)]])
    box = Draft(2, 0.8, (10.0, 20.0, 60.0, 40.0), [])
    data = written(YOLO, [image(parts, box)])
    first, second, third = labels(data, "./images/a.jpg")
    assert first == [0, 0.1, 0.2, 0.505, 0.2, 0.505, 0.81, 0.1, 0.81]
    assert second[:3] == [0, 0.6, 0.2]
    assert third == [1, 0.1, 0.4, 0.6, 0.4, 0.6, 0.8, 0.1, 0.8]


def test_shares_stay_within_the_picture(written):
    data = written(YOLO, [image(Draft(1, 0.9, (-0.001, 0.0, 100.001, 50.0), []))])
    assert labels(data, "./images/a.jpg") == [[0, 0.5, 0.5, 1, 1]]


def test_with_scores_there_are_boxes_of_six_columns(written):
    assert YOLO.switches == {"with-scores": YoloFormat(with_scores=True)}
    parts = Draft(1, 0.87654, (10.0, 20.0, 60.0, 40.0), [[list(PART)]])
    data = written(YOLO.switches["with-scores"], [image(parts)])
    assert (data.parent / "labels/a.txt").read_text() == "0 0.350000 0.600000 0.500000 0.400000 0.8765\n"


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("a.b.jpg", "labels/a.b.txt"),
        ("x/a.jpg", "labels/x/a.txt"),
        ("images/a.jpg", "images/labels/a.txt"),
        ("x/images/y/a.jpg", "images/x/labels/y/a.txt"),
        ("images", "labels/images.txt"),
    ],
)
def test_labels_lie_where_its_readers_look(written, name, file):
    data = written(YOLO, [image(Draft(1, 0.9, (10.0, 20.0, 60.0, 40.0), []), name=name)])
    assert (data.parent / file).is_file()
    assert len(labels(data, lines(data)[0])) == 1


def test_what_it_is():
    assert (YOLO.title, YOLO.main_file) == ("Ultralytics YOLO", "data.yaml")
    assert (YOLO.upright, YOLO.one_stem, YOLO.holes) == (True, True, False)

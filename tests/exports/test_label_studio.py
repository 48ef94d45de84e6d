"""Label Studio's predictions, held against what its importer refuses."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import pytest

from firstpass.contracts.export_format import Draft, DraftedImage
from firstpass.exports.label_studio import LABEL_STUDIO

from .conftest import OTHER_PART, PART, image


def read(path) -> list[dict]:
    """Tasks, each region held against the configuration beside them as the importer does."""
    tags = {each.get("name"): each for each in ET.fromstring((path.parent / "config.xml").read_bytes())}
    tasks = json.loads(path.read_text("utf-8"))
    for task in tasks:
        assert set(task["data"]) == {tags["image"].get("value").removeprefix("$")}
        for prediction in task["predictions"]:
            assert 0 <= prediction.get("score", 0) <= 1
            for region in prediction["result"]:
                tag = tags[region["from_name"]]
                assert (tag.tag.lower(), tag.get("toName")) == (region["type"], region["to_name"])
                known = {label.get("value") for label in tag}
                assert set(region["value"][region["type"]]) <= known
                assert 0 <= region["score"] <= 1
                numbers = [region["value"].get(name, 0) for name in ("x", "y", "width", "height")]
                numbers += [v for point in region["value"].get("points", ()) for v in point]
                assert all(0 <= number <= 100 for number in numbers)
    return tasks


def test_a_box_in_percent(written):
    (task,) = read(written(LABEL_STUDIO, [image(Draft(2, 0.9, (10.0, 20.0, 60.0, 40.0), []))]))
    (prediction,) = task["predictions"]
    assert (prediction["model_version"], prediction["score"]) == ("toy@aaaaaaaaaaaa", 0.9)
    assert prediction["result"] == [
        {
            "id": "1",
            "type": "rectanglelabels",
            "from_name": "label",
            "to_name": "image",
            "original_width": 100,
            "original_height": 50,
            "image_rotation": 0,
            "score": 0.9,
            "value": {
                "x": 10.0,
                "y": 40.0,
                "width": 50.0,
                "height": 40.0,
                "rotation": 0,
                "rectanglelabels": ["größe <b>"],
            },
        }
    ]


def test_an_outline_per_part(written):
    parts = Draft(1, 0.8, (10.0, 10.0, 91.0, 41.0), [[list(PART)], [list(OTHER_PART)]])
    (task,) = read(written(LABEL_STUDIO, [image(Draft(1, 0.9, (0.0, 0.0, 1.0, 1.0), []), parts)]))
    _, first, second = task["predictions"][0]["result"]
    assert [each["id"] for each in (first, second)] == ["2-1", "2-2"]
    assert (first["type"], first["from_name"]) == ("polygonlabels", "outline")
    assert first["value"] == {
        "points": [[10.0, 20.0], [50.5, 20.0], [50.5, 81.0], [10.0, 81.0]],
        "closed": True,
        "polygonlabels": ["cat"],
    }
    assert task["predictions"][0]["score"] == pytest.approx(0.85)


def test_numbers_are_rounded_down_and_stay_within_the_picture(written):
    """A single 100.00001 is refused."""
    drafts = [Draft(1, 1.0000001, (-1.0, 0.0, 100.00001, 50.0), []), Draft(1, 0.5, (33.33337, 0, 66.66669, 1), [])]
    (task,) = read(written(LABEL_STUDIO, [image(*drafts)]))
    first, second = (each["value"] for each in task["predictions"][0]["result"])
    assert (first["x"], first["width"], first["height"]) == (0.0, 100.0, 100.0)
    assert (second["x"], second["width"]) == (33.3333, 33.3333)


@pytest.mark.parametrize("width", [3, 7, 97, 641, 1279])
def test_no_size_makes_a_number_too_large(written, width):
    draft = Draft(1, 0.5, (0.0, 0.0, float(width), 1.0), [[[0.0, 0.0, width, 0.0, width, 1.0]]])
    read(written(LABEL_STUDIO, [image(draft, width=width, height=1)]))


def test_an_image_without_drafts_has_a_prediction_without_a_score(written):
    (task,) = read(written(LABEL_STUDIO, [image()]))
    assert task["predictions"] == [{"model_version": "toy@aaaaaaaaaaaa", "result": []}]


def test_pictures_come_from_the_bucket_or_the_folder_that_is_served(written):
    made = [
        DraftedImage("x y/a.jpg", "s3://bucket/x y/a.jpg", 9, 9, []),
        DraftedImage("x y/ü&.jpg", "file:///photos/x y/ü&.jpg", 9, 9, []),
    ]
    first, second = read(written(LABEL_STUDIO, made))
    assert first["data"]["image"] == "s3://bucket/x y/a.jpg"
    assert second["data"]["image"] == "/data/local-files/?d=x%20y/%C3%BC%26.jpg"
    assert second["meta"] == {"name": "x y/ü&.jpg"}


def test_what_it_is():
    assert (LABEL_STUDIO.title, LABEL_STUDIO.main_file) == ("Label Studio", "tasks.json")
    assert (LABEL_STUDIO.upright, LABEL_STUDIO.holes) == (True, False)

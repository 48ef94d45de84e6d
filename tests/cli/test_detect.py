"""`firstpass detect`: images in, detections out, nothing else needed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

SAMPLES = Path(__file__).resolve().parents[2] / "include" / "samples"
MODEL = SAMPLES.parent / "models" / "nanodet-coco"


@pytest.fixture
def photos(tmp_path) -> Path:
    folder = tmp_path / "photos"
    (folder / "sub").mkdir(parents=True)
    (folder / "cat.png").write_bytes((SAMPLES / "chelsea.png").read_bytes())
    (folder / "sub" / "horse.png").write_bytes((SAMPLES / "horse.png").read_bytes())
    return folder


def test_a_folder_and_a_file_in_words(call, photos):
    result = call("detect", photos, SAMPLES / "rocket.jpg", "--model", MODEL)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == f"{photos / 'cat.png'}: 1 detection"
    assert lines[1].split()[0] == "cat"
    assert lines[2] == f"{photos / 'sub' / 'horse.png'}: 1 detection"
    assert lines[-1] == f"{SAMPLES / 'rocket.jpg'}: 0 detections"


def test_for_machines_one_line_per_image(call, photos):
    (photos / "broken.jpg").write_bytes(b"no image")
    result = call("detect", photos / "cat.png", photos / "broken.jpg", "--model", MODEL, "--json")
    assert result.exit_code == 1, "one could not be read"
    cat, broken = map(json.loads, result.stdout.splitlines())
    assert cat["path"] == str(photos / "cat.png")
    (found,) = cat["detections"]
    assert (found["class"], found["class_id"]) == ("cat", 16)
    assert 0.5 < found["score"] < 0.7
    assert len(found["box"]) == 4
    assert cat["error"] is None
    assert broken["detections"] == []
    assert "is not an image" in broken["error"]


def test_the_threshold(call, photos):
    strict = call("detect", photos / "cat.png", "--model", MODEL, "--threshold", "0.9", "--json")
    loose = call("detect", photos / "cat.png", "--model", MODEL, "--threshold", "0.1", "--json")
    assert json.loads(strict.stdout)["detections"] == []
    assert len(json.loads(loose.stdout)["detections"]) > 1
    assert call("detect", photos, "--model", MODEL, "--threshold", "2").exception.problem == "threshold is 2.0"


def test_a_model_that_is_not_there(call, photos):
    assert "there is no model 'pets'" in call("detect", photos, "--model", "pets").exception.problem

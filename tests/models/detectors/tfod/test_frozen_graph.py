"""Frozen graphs, the default model first of all: what comes out of them."""

import cv2
import numpy as np
import pytest

from firstpass.models import kinds
from firstpass.models.detectors.tfod.graph_file import read_frozen
from firstpass.settings import home
from fixtures import graphs
from fixtures.detecting import assert_same, detect, exported


def sample(name):
    return cv2.imread(str(home() / "include" / "samples" / name), cv2.IMREAD_COLOR_RGB)


@pytest.mark.parametrize(
    ("photo", "name", "box"),
    [("chelsea.png", "cat", [0, 0, 441, 296]), ("horse.png", "horse", [16, 6, 396, 315])],
)
def test_the_default_model_finds_what_is_there(default_detector, default_model, photo, name, box):
    (found,) = detect(default_detector, sample(photo))
    names = (default_model / "classes.csv").read_text().splitlines()[1:]
    assert names[found.class_ids[0] - 1] == name
    assert found.scores[0] > 0.4
    assert found.boxes[0] == pytest.approx(box, abs=3)


@pytest.mark.parametrize("size", [(1280, 960), (960, 1280), (640, 427), (2000, 1), (1, 2000), (1, 1), (416, 416)])
def test_the_default_model_divided_equals_the_whole(default_detector, default_model, size):
    whole = exported(read_frozen(default_model))
    for photo in ("astronaut.png", "camera.png"):
        image = cv2.resize(sample(photo), size)
        assert_same(detect(default_detector, image)[0], whole(image))


def test_inspection_reads_the_default_model_without_running_it(default_model):
    found = kinds.inspect("tfod_frozen_graph", default_model)
    assert (found.class_count, found.has_masks) == (80, False)


def test_inspection_says_that_there_are_masks(tmp_path):
    answer = graphs.fixed_answer([[0, 0, 1, 1]], [1], [1], masks=np.ones((1, 3, 3)))
    found = kinds.inspect("tfod_frozen_graph", graphs.frozen(tmp_path, answer))
    assert (found.class_count, found.has_masks) == (None, True)

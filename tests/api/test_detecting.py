"""Detecting in your own process, with a network that finds what was painted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from doubles.painted import Painted
from firstpass.api.detecting import LoadedModel
from firstpass.contracts.class_table import ClassTable, ModelClass
from firstpass.contracts.model_version import ModelVersion
from firstpass.errors import FirstpassError
from fixtures.inference import png

CLASSES = ClassTable((ModelClass(1, "cat"),))
VERSION = ModelVersion("painted", "0" * 12, "tfod_frozen_graph", (), CLASSES, "", "", True, 0.4)


@pytest.fixture
def model() -> LoadedModel:
    return LoadedModel(VERSION, lambda floor: Painted())


def scores(found) -> list[list[float]]:
    return [[round(score * 255) for score in each.scores.tolist()] for each in found]


def rgb(red: int, size=(6, 8)) -> np.ndarray:
    return np.full((*size, 3), (red, 0, 0), np.uint8)


def test_paths_bytes_and_arrays_come_back_in_order(model, tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(png((200, 0, 0)))
    images = [path, png((210, 0, 0)), rgb(220), str(path), rgb(230, (20, 30)), path.as_uri()]
    found = list(model.detect(images))
    assert scores(found) == [[200], [210], [220], [200], [230], [200]]
    first = found[0]
    assert first.names == ("cat",)
    assert first.class_ids.tolist() == [1]
    assert first.boxes.tolist() == [[0, 0, 1, 1]]
    assert (first.polygons, first.error) == (None, None)


def test_objects_in_storage_are_read_too(model, bucket):
    from firstpass import storage

    storage.write(f"{bucket}/a.png", png((200, 0, 0)))
    assert scores(model.detect(f"{bucket}/a.png")) == [[200]]


def test_one_image_need_not_be_in_a_list(model, tmp_path):
    (tmp_path / "a.png").write_bytes(png((200, 0, 0)))
    for one in (tmp_path / "a.png", str(tmp_path / "a.png"), png((200, 0, 0)), rgb(200)):
        assert scores(model.detect(one)) == [[200]]
    assert scores(model.detect(np.stack([rgb(200), rgb(210)]))) == [[200], [210]]


def test_the_threshold_is_the_models_own_unless_another_is_given(model):
    weak, strong = rgb(100), rgb(102)  # 0.392 and 0.4
    assert scores(model.detect([weak, strong])) == [[], [102]]
    assert scores(model.detect([weak, strong], threshold=0.0)) == [[100], [102]]
    assert scores(model.detect([weak, strong], threshold=1.0)) == [[], []]


class Strict(Painted):
    """Gives nothing below the floor that it was loaded with, as Mask R-CNN does."""

    def __init__(self, floor: float) -> None:
        super().__init__()
        self.floor = floor

    def predict(self, batch):
        return [found.at_least(self.floor) for found in super().predict(batch)]


@pytest.fixture
def loads() -> list[float]:
    """The floors with which `strict` was loaded."""
    return []


@pytest.fixture
def strict(loads) -> LoadedModel:
    def load(floor: float) -> Strict:
        loads.append(floor)
        return Strict(floor)

    return LoadedModel(VERSION, load)


def test_a_model_is_loaded_for_its_floor(strict, loads):
    assert scores(strict.detect([rgb(100), rgb(102)])) == [[], [102]]
    assert scores(strict.detect([rgb(51)], threshold=0.2)) == [[51]]
    assert loads == [0.2], "half of the threshold, and that is low enough for both"


def test_the_floor_of_model_yaml_counts(loads):
    LoadedModel(replace(VERSION, floor=0.3), lambda floor: loads.append(floor) or Strict(floor))
    assert loads == [0.3]


def test_below_its_floor_a_model_that_is_bound_to_it_is_loaded_again(strict, loads):
    assert scores(strict.detect([rgb(20), rgb(40)], threshold=0.1)) == [[], [40]]
    assert scores(strict.detect([rgb(20), rgb(40)], threshold=0.05)) == [[20], [40]]
    assert loads == [0.2, 0.1, 0.05]


def test_and_stays_so_for_any_that_is_higher(strict, loads):
    for threshold in (0.1, 0.4, None, 0.1, 0.15):
        strict.detect([], threshold=threshold)
    assert loads == [0.2, 0.1]


def test_one_that_gives_everything_is_loaded_once(loads):
    plain = LoadedModel(VERSION, lambda floor: loads.append(floor) or Painted())
    assert scores(plain.detect([rgb(1)], threshold=0.0)) == [[1]]
    assert loads == [0.2]


def test_of_one_that_a_file_fixes_higher_nothing_can_be_got_by_loading_it_again_and_again(loads):
    """model.yaml's detection_min_confidence: the network is what it is, whatever floor is asked for."""
    fixed = LoadedModel(VERSION, lambda floor: loads.append(floor) or Strict(0.3))
    for _ in range(3):
        assert scores(fixed.detect([rgb(60), rgb(100)], threshold=0.1)) == [[], [100]]
    assert loads == [0.2, 0.1]


@pytest.mark.parametrize("threshold", [-0.01, 1.01, float("nan")])
def test_a_threshold_outside_of_its_range_is_refused_at_once(model, threshold):
    with pytest.raises(FirstpassError, match="threshold is"):
        model.detect([], threshold=threshold)


BAD = [
    (b"", "is empty"),
    (b"no image", "is not an image"),
    ("/nowhere/a.jpg", "is gone"),
    (np.zeros((4, 4), np.uint8), "is an array uint8 [4, 4]"),
    (np.zeros((4, 4, 3), np.float32), "is an array float32"),
    (np.zeros((0, 4, 3), np.uint8), "is an array uint8 [0, 4, 3]"),
    (np.zeros((4, 4, 4), np.uint8), "is an array uint8 [4, 4, 4]"),
    (7, "is a int, not a path"),
]


def test_what_cannot_be_read_says_why_and_costs_the_others_nothing(model):
    images = [image for bad, _ in BAD for image in (bad, rgb(200))]
    found = list(model.detect(images))
    assert scores(found[1::2]) == [[200]] * len(BAD)
    for each, (_, words) in zip(found[::2], BAD, strict=True):
        assert len(each) == 0
        assert words in each.error


def test_or_it_is_raised(model):
    found = model.detect([rgb(200), "/nowhere/a.jpg", rgb(200)], errors="raise")
    with pytest.raises(FirstpassError, match=r"/nowhere/a\.jpg was listed, but is gone"):
        list(found)


def test_an_image_that_the_network_fails_on_is_one_of_them(model):
    green = np.full((6, 8, 3), (0, 200, 0), np.uint8)
    found = list(model.detect([rgb(200), green, rgb(210)]))
    assert scores(found) == [[200], [], [210]]
    assert "for the network: OOM" in found[1].error


def test_images_are_taken_as_they_are_needed(model):
    taken = []

    def endless():
        while True:
            taken.append(1)
            yield rgb(200)

    found = model.detect(endless())
    for _ in range(5):
        assert len(next(found)) == 1
    found.close()
    assert len(taken) < 200


def test_nothing_gives_nothing(model):
    assert list(model.detect([])) == []

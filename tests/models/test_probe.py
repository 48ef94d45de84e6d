"""One real photograph through the network: what is wrong with its answer, a sentence each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from firstpass.contracts.detections import Detections
from firstpass.contracts.detector import PreparedInput, UnfitImage
from firstpass.errors import FirstpassError
from firstpass.models import probe as probing
from firstpass.models.probe import PHOTO, faults, probe
from firstpass.settings import settings

NUMBERS = "scores or boxes that are not finite numbers"


def found(boxes: Any = ((0, 0, 640, 480),), scores: Any = (0.5,), class_ids: Any = (1,)) -> Detections:
    return Detections(
        np.array(class_ids, np.int32), np.array(scores, np.float32), np.array(boxes, np.float32).reshape(-1, 4)
    )


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({}, []),
        ({"scores": [0.0]}, []),
        ({"scores": [1.0]}, []),
        ({"boxes": [(-1, -1, 641, 481)]}, []),
        ({"class_ids": [2]}, []),
        ({"scores": [np.nan]}, [NUMBERS]),
        ({"boxes": [(0, 0, np.inf, 1)]}, [NUMBERS, "boxes outside the photo"]),
        ({"boxes": [(0, np.nan, 1, 1)]}, [NUMBERS]),
        ({"scores": [1.01]}, ["scores outside 0..1, up to 1.01"]),
        ({"scores": [-0.01]}, ["scores outside 0..1, up to -0.01"]),
        ({"boxes": [(-1.5, 0, 1, 1)]}, ["boxes outside the photo"]),
        ({"boxes": [(0, 0, 641.5, 1)]}, ["boxes outside the photo"]),
        ({"boxes": [(0, 0, 1, 481.5)]}, ["boxes outside the photo"]),
        ({"class_ids": [3]}, ["class id 3, which classes.csv does not have"]),
        ({"class_ids": [0]}, ["class id 0, which classes.csv does not have"]),
        ({"scores": [2.0], "class_ids": [7]}, ["scores outside 0..1, up to 2", "class id 7, "]),
    ],
)
def test_what_no_sound_network_would_say(answer, said):
    reasons = faults(found(**answer), 640, 480, {1, 2})
    assert len(reasons) == len(said)
    for reason, words in zip(reasons, said, strict=True):
        assert reason.startswith(f"the probe inference gave {words}")


def test_one_bad_detection_among_many_is_enough():
    many = found([(0, 0, 1, 1), (0, 0, 700, 1)], [0.9, 1.5], [1, 9])
    assert len(faults(many, 640, 480, {1, 2})) == 3


def test_finding_nothing_is_no_fault():
    assert faults(Detections.none(), 640, 480, {1}) == []


class Network:
    """Answers what a test gives it."""

    streams = 1

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.seen: list[PreparedInput] = []

    def prepare(self, image: Any) -> PreparedInput:
        if isinstance(self.answer, UnfitImage):
            raise self.answer
        return PreparedInput(image, image.shape[1], image.shape[0])

    def predict(self, batch: Any) -> list[Detections]:
        self.seen += batch
        if isinstance(self.answer, Exception):
            raise self.answer
        return [self.answer]


class Candid(Network):
    """A network that tells of itself what `predict` tidies."""

    def faults(self, item: PreparedInput) -> list[str]:
        return [self.answer] if isinstance(self.answer, str) else []


@pytest.fixture
def floors() -> list[float]:
    """Those that networks were loaded for."""
    return []


@pytest.fixture
def probed(stored, monkeypatch, floors):
    def run(network: Any, **fields: Any) -> list[str]:
        monkeypatch.setattr(probing.kinds, "load", lambda version, folder, floor: floors.append(floor) or network)
        return probe(stored(**fields), Path("/x"))

    return run


def test_the_photo_goes_through_the_network(probed):
    network = Network(found(((0, 0, 10, 10),)))
    assert probed(network) == []
    (item,) = network.seen
    assert PHOTO.is_file()
    assert item.pixels.shape == (item.height, item.width, 3)
    assert item.pixels.dtype == np.uint8
    red, _, blue = item.pixels.reshape(-1, 3).mean(0)
    assert red != blue


@pytest.mark.parametrize("setting", ["", "0.1", "0.9"])
def test_it_is_for_the_models_own_floor_whatever_the_settings_say(probed, floors, monkeypatch, setting):
    """A model that was judged once is not judged again when somebody changes a setting."""
    monkeypatch.setenv("FIRSTPASS_FLOOR", setting)
    settings.cache_clear()
    assert probed(Network(Detections.none())) == []
    assert probed(Network(Detections.none()), version="b" * 12, floor=0.3) == []
    assert floors == [0.25, 0.3]


def test_what_is_outside_of_the_photo_is_told(probed):
    assert "outside the photo" in probed(Network(found(((0, 0, 5000, 10),))))[0]
    assert "class id 3" in probed(Network(found(((0, 0, 10, 10),), class_ids=(3,))))[0]


def test_what_a_network_tells_of_itself_goes_first(probed):
    candid = Candid("it sees ghosts")
    assert probed(candid) == ["the probe inference went wrong: it sees ghosts"]
    assert candid.seen == []
    assert probed(Candid(found(((0, 0, 10, 10),)))) == []


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (FirstpassError("weights.h5: no layers", "copy it again"), "weights.h5: no layers; copy it again"),
        (UnfitImage("takes no photos"), "the probe inference failed: UnfitImage: takes no photos"),
        (KeyError("x" * 400), f"the probe inference failed: KeyError: '{'x' * 299}"),
    ],
)
def test_whatever_a_network_raises_is_a_reason(probed, error, said):
    assert probed(Network(error)) == [said]


@pytest.mark.parametrize("kind", [MemoryError, type("ResourceExhaustedError", (Exception,), {})])
def test_too_little_memory_says_nothing_of_the_network(probed, kind):
    with pytest.raises(MemoryError, match="too large"):
        probed(Network(kind("too large")))

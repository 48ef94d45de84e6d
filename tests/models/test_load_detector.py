"""From a version in the store to its detector: its files are looked at first."""

from __future__ import annotations

from pathlib import Path

import pytest

from firstpass.errors import FirstpassError
from firstpass.models import load_detector as loading
from firstpass.models.load_detector import load_detector
from firstpass.models.store import version_uri


@pytest.fixture
def loaded(monkeypatch):
    """What is loaded instead of a network."""
    given = []
    monkeypatch.setattr(loading.kinds, "load", lambda *arguments: (given.append(arguments), "detector")[1])
    return given


def test_a_version_and_the_detector_over_its_files(stored, loaded):
    version = stored()
    uri = version_uri(version)
    assert load_detector(uri) == (version, "detector")
    assert loaded == [(version, Path(uri), 0.25)], "half of its threshold, unless another floor is asked for"


@pytest.mark.parametrize("floor", [0.0, 0.125, 0.9])
def test_for_the_floor_that_is_asked_for(stored, loaded, floor):
    version = stored(floor=0.2)
    load_detector(version_uri(version), floor)
    load_detector(version_uri(version))
    assert [asked for _, _, asked in loaded] == [floor, 0.2]


def test_what_was_changed_is_never_loaded(stored, loaded):
    uri = version_uri(stored())
    (Path(uri) / "frozen_inference_graph.pb").write_bytes(b"others!")
    with pytest.raises(FirstpassError, match="is not the file that was admitted"):
        load_detector(uri)
    assert loaded == []


def test_a_version_that_is_gone_is_told(store_folder, loaded):
    with pytest.raises(FirstpassError, match="holds no model version"):
        load_detector(f"{store_folder}/pets/aaaaaaaaaaaa")

"""What a script asks for, as parameters of the DAG; how it is run and watched is tested in tests/cli and tests/e2e."""

from __future__ import annotations

from pathlib import Path

import pytest

from firstpass.api import running
from firstpass.api.running import run, run_parameters
from firstpass.errors import FirstpassError
from firstpass.settings import settings


def parameters(images=None, model=None, threshold=None, class_thresholds=None, reprocess=False, engine=None):
    return run_parameters(images, model, threshold, class_thresholds, reprocess, engine)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("FIRSTPASS_HOME", str(tmp_path))
    settings.cache_clear()
    yield tmp_path
    settings.cache_clear()


def test_what_was_given_is_passed_on_and_images_and_model_always(home):
    assert parameters() == {"images": str(home / "include" / "samples"), "model": "nanodet-coco"}
    assert parameters(images="/photos", model="m@1", threshold=0.0, reprocess=True, engine="local") == {
        "images": "/photos",
        "model": "m@1",
        "threshold": 0.0,
        "reprocess": True,
        "engine": "local",
    }


def test_images_and_model_are_those_of_this_terminal(home, monkeypatch):
    """The stack may have been started by another one."""
    monkeypatch.setenv("FIRSTPASS_IMAGES", "photos")
    monkeypatch.setenv("FIRSTPASS_MODEL", "other")
    settings.cache_clear()
    assert parameters() == {"images": str(home / "photos"), "model": "other"}


def test_class_thresholds_may_have_any_name():
    thresholds = {"person": 0.6, "a=b, c": 0.0}
    assert parameters(class_thresholds=thresholds)["class_thresholds"] == thresholds


def test_relative_folders_are_made_absolute_and_addresses_are_left_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert parameters(images="photos")["images"] == str(tmp_path / "photos")
    assert parameters(images=Path("photos"))["images"] == str(tmp_path / "photos")
    assert parameters(images="~/photos")["images"] == str(Path.home() / "photos")
    for address in ("s3://bucket/prefix", "cvat:task/12", "file:///photos"):
        assert parameters(images=address)["images"] == address


@pytest.mark.parametrize(
    "arguments",
    [{"threshold": 1.01}, {"threshold": -0.01}, {"class_thresholds": {"person": 2}}, {"images": ""}],
)
def test_what_cannot_be_meant_is_refused_before_anything_starts(monkeypatch, arguments):
    monkeypatch.setattr(running.control, "ready", lambda *_: pytest.fail("the stack was started"))
    with pytest.raises(FirstpassError):
        run(**arguments)


def test_publishing_is_for_images_that_drafts_can_be_brought_back_to(monkeypatch, tmp_path):
    monkeypatch.setattr(running.control, "ready", lambda *_: pytest.fail("the stack was started"))
    with pytest.raises(FirstpassError, match="publishing is for images from CVAT"):
        run(tmp_path, publish=True)

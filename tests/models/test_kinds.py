"""The kinds of model are found by entry point, and one that cannot run here says what to install."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from firstpass import entry_points
from firstpass.entry_points import Parts
from firstpass.errors import FirstpassError
from firstpass.models import kinds
from firstpass.models.detectors.mask_rcnn.kind import MASK_RCNN


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`only(toy=…)`: the kinds that there are."""

    def make(**found: Any) -> None:
        monkeypatch.setattr(entry_points, "parts", lambda group, check: Parts(found, {}))

    return make


def test_the_built_in_ones_are_there():
    there = kinds.kinds()
    assert set(there) >= {"tfod_frozen_graph", "tfod_saved_model", "mask_rcnn"}
    assert all(kind.name == name for name, kind in there.items())
    assert kinds.kind_of("mask_rcnn") is MASK_RCNN


def test_what_is_given_out_is_the_askers_own():
    kinds.kinds().clear()
    assert "mask_rcnn" in kinds.kinds()


def test_one_that_is_not_installed_lists_what_there_is():
    with pytest.raises(FirstpassError, match="no kind of model 'yolo'") as caught:
        kinds.kind_of("yolo")
    assert "mask_rcnn" in caught.value.fix


def test_a_kind_loads_and_inspects_for_itself(only, stored):
    version = stored(kind="toy")
    only(toy=replace(MASK_RCNN, load=lambda *given: ("loaded", *given), inspect=lambda folder: ("inspected", folder)))
    assert kinds.load(version, Path("/x"), 0.25) == ("loaded", version, Path("/x"), 0.25)
    assert kinds.inspect("toy", Path("/x")) == ("inspected", Path("/x"))


@pytest.mark.parametrize(
    ("extra", "fix"), [("toy-extra", "pip install 'firstpass[toy-extra]'"), ("", "install the package tensorglow")]
)
def test_a_runtime_that_is_not_installed_is_named_with_what_brings_it(only, stored, extra, fix):
    def missing(*_: Any) -> Any:
        raise ModuleNotFoundError("No module named 'tensorglow'", name="tensorglow")

    only(toy=replace(MASK_RCNN, title="a toy's weights", extra=extra, load=missing, inspect=missing))
    for call in (lambda: kinds.load(stored(kind="toy"), Path("/x"), 0.25), lambda: kinds.inspect("toy", Path("/x"))):
        with pytest.raises(
            FirstpassError, match=r"a toy's weights cannot be run here: .* tensorglow is not installed"
        ) as caught:
            call()
        assert fix in caught.value.fix


def test_any_other_trouble_is_the_kinds_own(only, stored):
    def broken(*_: Any) -> Any:
        raise ImportError("cannot import name 'x'")

    only(toy=replace(MASK_RCNN, load=broken))
    with pytest.raises(ImportError, match="cannot import name"):
        kinds.load(stored(kind="toy"), Path("/x"), 0.25)


@pytest.mark.parametrize(("part", "fits"), [(MASK_RCNN, True), (MASK_RCNN.load, False), (None, False)])
def test_a_kind_is_a_record(monkeypatch, part, fits):
    asked = {}

    def parts(group: str, check: Any) -> Parts:
        asked[group] = check(part)
        return Parts({}, {})

    monkeypatch.setattr(entry_points, "parts", parts)
    kinds.kinds()
    assert asked == {"firstpass.detectors": fits}

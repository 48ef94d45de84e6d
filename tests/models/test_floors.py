"""From which score on a model's detections are stored."""

from __future__ import annotations

import pytest

from firstpass.errors import FirstpassError
from firstpass.models.floors import floor_of, own_floor
from firstpass.settings import settings


@pytest.fixture
def setting(monkeypatch, store_folder):
    """Set FIRSTPASS_FLOOR."""

    def put(value: str) -> None:
        monkeypatch.setenv("FIRSTPASS_FLOOR", value)
        settings.cache_clear()

    return put


@pytest.mark.parametrize(("threshold", "floor"), [(0.5, 0.25), (0.7, 0.35), (1.0, 0.5), (0.0, 0.0)])
def test_it_is_half_of_the_threshold(stored, threshold, floor):
    assert floor_of(stored(threshold=threshold)) == own_floor(stored(threshold=threshold)) == floor


def test_an_empty_setting_is_none(stored, setting):
    setting("")
    assert floor_of(stored()) == 0.25


@pytest.mark.parametrize("value", ["0.01", "0.3", "0.5"])
def test_unless_the_setting_says_another_up_to_the_threshold(stored, setting, value):
    setting(value)
    assert floor_of(stored(threshold=0.5)) == float(value)
    assert own_floor(stored(threshold=0.5)) == 0.25


def test_a_setting_above_the_threshold_is_told_with_the_model(stored, setting):
    setting("0.51")
    with pytest.raises(
        FirstpassError, match=r"FIRSTPASS_FLOOR is 0\.51, above the threshold 0\.5 of pets@a{12}\n"
    ) as error:
        floor_of(stored(threshold=0.5))
    assert "model.yaml" in error.value.fix


@pytest.mark.parametrize("value", ["", "0.01", "0.9"])
def test_that_of_model_yaml_goes_before_any_setting(stored, setting, value):
    setting(value)
    version = stored(threshold=0.5, floor=0.4)
    assert floor_of(version) == own_floor(version) == 0.4


@pytest.mark.parametrize("value", ["0", "-0.1", "1.01", "nan", "low"])
def test_what_no_floor_can_be_is_refused_as_a_setting(setting, value):
    setting(value)
    with pytest.raises(FirstpassError, match="FIRSTPASS_FLOOR"):
        settings()

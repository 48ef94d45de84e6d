"""What is expected of a run: the settings are its bounds, and what is wrong beyond doubt keeps drafts from CVAT."""

from __future__ import annotations

import pytest

from firstpass.quality.suites import Expectation, suites
from firstpass.settings import settings


@pytest.fixture(autouse=True)
def no_settings(monkeypatch):
    settings.cache_clear()
    yield monkeypatch
    settings.cache_clear()


def found() -> dict[str, Expectation]:
    return {each.column: each for suite in suites(settings()) for each in suite.expectations}


def test_suites_and_expectations_have_a_name_of_their_own():
    names = [suite.name for suite in suites(settings())]
    assert names == ["run", "detections", "polygons", "drift", "images", "classes"]
    columns = [each.column for suite in suites(settings()) for each in suite.expectations]
    assert len(columns) == len(set(columns))


# Setting → a value, the expectation that it bounds, and how the value stands in its sentence.
LIMITS = {
    "check_unreadable": (0.07, "unreadable_rate", "7%"),
    "check_empty": (0.61, "empty_rate", "61%"),
    "check_duplicates": (0.33, "duplicate_rate", "33%"),
    "check_speed": (0.45, "speed", "45%"),
    "check_drift": (0.375, "class_drift", None),
    "check_boxes": (77, "too_many_boxes", "77"),
    "check_overlap": (0.85, "boxes_overlap", "85%"),
    "check_side": (48, "image_too_small", "48"),
}


def test_the_settings_are_the_bounds_and_stand_in_the_sentences(no_settings):
    for name, (value, *_) in LIMITS.items():
        no_settings.setenv(f"FIRSTPASS_{name.upper()}", str(value))
    settings.cache_clear()
    expectations = found()
    for value, column, words in LIMITS.values():
        assert words is None or f" {words}" in expectations[column].sentence, column
        if expectations[column].bounds:
            assert value in (expectations[column].minimum, expectations[column].maximum), column
    for name in ("class_drift", "score_drift", "boxes_drift", "size_drift"):
        assert (expectations[name].minimum, expectations[name].maximum) == (None, 0.375)
        assert "0.375" in expectations[name].shown.format(0.5)


def test_speed_has_a_lower_bound_and_shares_have_upper_ones():
    expectations = found()
    assert (expectations["speed"].minimum, expectations["speed"].maximum) == (0.5, None)
    for name in ("unreadable_rate", "empty_rate", "duplicate_rate"):
        assert expectations[name].minimum is None
    for name in ("images_without_outcome", "folders_not_listed", "chunks_not_merged", "chunks_failed"):
        assert (expectations[name].minimum, expectations[name].maximum) == (None, 0)


def test_values_are_shown_as_people_write_them():
    expectations = found()
    assert expectations["unreadable_rate"].shown.format(0.0512) == "5.1%"
    assert expectations["speed"].shown.format(0.5) == "50.0%"
    assert expectations["chunks_failed"].shown.format(1234) == "1,234"
    assert expectations["class_drift"].shown.format(0.456).startswith("a stability index of 0.46")


def test_what_is_wrong_beyond_doubt_is_critical_and_what_is_only_odd_is_not():
    critical = {name for name, each in found().items() if each.severity == "critical"}
    assert critical == {
        *("images_without_outcome", "folders_not_listed", "chunks_not_merged"),
        *("class_not_in_table", "class_unnamed", "class_repeated"),
        *("box_outside_image", "box_without_area", "score_outside_range", "score_below_floor"),
        *("polygon_broken", "polygon_outside_image"),
    }


def test_an_expectation_with_either_bound_is_about_one_number():
    assert Expectation("warning", "a", "s", minimum=0).bounds
    assert Expectation("warning", "a", "s", maximum=0).bounds
    assert not Expectation("warning", "a", "s").bounds


def test_where_drift_has_nothing_to_compare_it_says_how_much_is_needed(no_settings):
    no_settings.setenv("FIRSTPASS_CHECK_DRIFT_SAMPLES", "123")
    settings.cache_clear()
    (drift,) = [suite for suite in suites(settings()) if suite.name == "drift"]
    assert "123" in drift.absent

"""What a value in model.yaml may be, to the very bounds."""

from __future__ import annotations

import math

import pytest

from firstpass.contracts.option_rule import numbers, one_of, share, whole_number


@pytest.mark.parametrize("value", [0, 1, 0.0, 1.0, 0.5])
def test_a_share_reaches_from_0_to_1(value):
    assert share().fits(value)


@pytest.mark.parametrize("value", [-0.001, 1.001, 2, -1, math.nan, math.inf, True, False, "0.5", None, [0.5]])
def test_what_is_no_share(value):
    assert not share().fits(value)


def test_a_whole_number_may_be_either_bound():
    rule = whole_number(2, 5)
    assert [n for n in range(-1, 8) if rule.fits(n)] == [2, 3, 4, 5]
    assert not any(rule.fits(value) for value in (3.0, "3", None, [3]))
    assert not any(whole_number(0, 1).fits(value) for value in (True, False))
    assert rule.says == "a whole number from 2 to 5"


def test_a_list_of_numbers_has_bounds_for_its_length_and_for_each_of_them():
    rule = numbers(0, 255, 2, 3)
    assert all(rule.fits(value) for value in ([0, 255], [0.5, 1, 2]))
    wrong = ([1], [1, 2, 3, 4], [], [1, -0.1], [1, 255.1], [1, True], [1, "2"], [1, None], (1, 2), "12", None)
    assert not any(rule.fits(value) for value in wrong)
    assert rule.says == "a list of 2 to 3 numbers from 0 to 255"
    assert numbers(0.01, 100, 5, 5).says == "a list of 5 numbers from 0.01 to 100"


def test_a_choice_is_one_of_the_words():
    rule = one_of("square", "none")
    assert rule.fits("square")
    assert rule.fits("none")
    assert not any(rule.fits(value) for value in ("crop", "", None, 1, ["square"]))
    assert rule.says == "one of square, none"

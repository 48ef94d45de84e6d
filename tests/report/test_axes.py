"""Ticks stand at round values, and a scale puts every value where it belongs."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstpass.report.axes import Scale, count_ticks, nice_ticks, share_ticks, time_ticks

UPPER = st.floats(1e-12, 1e15)
ROUND = st.builds(lambda factor, exponent: float(f"{factor}e{exponent}"), st.sampled_from([1, 2, 5]), st.integers(0, 9))


def labels(ticks) -> str:
    return " ".join(tick.label for tick in ticks)


class TestScale:
    """0 lies at the start, the largest value at the end, and the rest between them in proportion."""

    def test_both_ends_are_met_exactly(self):
        scale = Scale(7, 31.07, 457)
        assert (scale.at(0), scale.at(7)) == (31.07, 457)

    def test_upwards_is_downwards_in_a_drawing(self):
        assert [Scale(4, 147.5, 7.5).at(value) for value in (0, 1, 2, 4)] == [147.5, 112.5, 77.5, 7.5]

    def test_a_place_is_told_to_a_hundredth(self):
        assert [Scale(3, 0, 1).at(value) for value in (1, 2)] == [0.33, 0.67]
        assert Scale(1e9, 0, 100).at(1) == 0.0

    def test_a_value_outside_is_not_moved_to_the_edge(self):
        assert [Scale(2, 10, 20).at(value) for value in (-1, 3)] == [5, 25]

    @given(UPPER, st.floats(0, 1), st.floats(0, 1))
    def test_a_larger_value_never_lies_nearer_to_the_start(self, upper, one, other):
        low, high = sorted((one * upper, other * upper))
        assert 8 <= Scale(upper, 8, 457).at(low) <= Scale(upper, 8, 457).at(high) <= 457
        assert 7.5 <= Scale(upper, 147.5, 7.5).at(high) <= Scale(upper, 147.5, 7.5).at(low) <= 147.5


class TestNiceTicks:
    """0 and the multiples of the smallest round step that needs no more than so many ticks."""

    @pytest.mark.parametrize(
        ("upper", "most", "ticks"),
        [
            (1, 3, [0, 0.5, 1]),
            (4.999, 5, [0, 1, 2, 3, 4]),
            (5, 5, [0, 2, 4]),
            (9.99, 5, [0, 2, 4, 6, 8]),
            (10, 5, [0, 5, 10]),
            (89, 9, [0, 10, 20, 30, 40, 50, 60, 70, 80]),
            (90, 9, [0, 20, 40, 60, 80]),
            (100, 9, [0, 20, 40, 60, 80, 100]),
            (0.3, 3, [0, 0.2]),
            (7, 3, [0, 5]),
        ],
    )
    def test_as_many_as_there_may_be_and_not_one_more(self, upper, most, ticks):
        assert nice_ticks(upper, most) == ticks

    @pytest.mark.parametrize(
        ("upper", "ticks"),
        [
            (1, [0, 1]),
            (1.5, [0, 1]),
            (2, [0, 1, 2]),
            (4, [0, 1, 2, 3, 4]),
            (5, [0, 2, 4]),
            (9, [0, 2, 4, 6, 8]),
            (10, [0, 5, 10]),
            (10**15, [0, 5 * 10**14, 10**15]),
        ],
    )
    def test_counts_have_no_half_ones(self, upper, ticks):
        assert nice_ticks(upper, 5, whole=True) == ticks

    def test_tiny_and_huge_axes_have_the_same_ticks(self):
        assert nice_ticks(1e-300, 4) == [0, 5e-301, 1e-300]
        assert nice_ticks(1e300, 4) == [0, 5e299, 1e300]

    def test_a_tick_is_the_float_that_a_person_would_write(self):
        assert nice_ticks(0.95, 5) == [0, 0.2, 0.4, 0.6, 0.8]
        assert nice_ticks(0.0035, 9)[3] == 0.0015
        assert nice_ticks(0.1 + 0.2, 5) == [0, 0.1, 0.2, 0.3]

    def test_the_value_at_the_end_has_a_tick_if_it_is_round(self):
        for upper in (0.6, 6, 60, 6e6):
            assert nice_ticks(upper, 5)[-1] == upper

    @given(UPPER, st.integers(3, 12))
    def test_the_next_finer_step_would_need_too_many(self, upper, most):
        ticks = nice_ticks(upper, most)
        finer = {"1": 0.5, "2": 0.5, "5": 0.4}[f"{ticks[1]:.0e}"[0]] * ticks[1]
        assert finer * most <= upper * (1 + 1e-12)

    @given(UPPER, st.integers(3, 12))
    def test_ticks_are_equally_far_apart(self, upper, most):
        ticks = nice_ticks(upper, most)
        steps = [Fraction(high) - Fraction(low) for low, high in pairwise(ticks)]
        assert max(steps) - min(steps) <= max(steps) * Fraction(1, 10**9)

    @given(st.integers(1, 4), ROUND)
    def test_whole_ticks_are_the_usual_ones_where_those_are_whole(self, number, step):
        upper = number * step * 10
        assert nice_ticks(upper, 5, whole=True) == nice_ticks(upper, 5)


class TestCounts:
    """Whole numbers, shortened where they are long."""

    @pytest.mark.parametrize(
        ("upper", "words"),
        [
            (1, "0 1"),
            (999, "0 200 400 600 800"),
            (1000, "0 500 1,000"),
            (9999.99, "0 2,000 4,000 6,000 8,000"),
            (10_000, "0 5k 10k"),
            (15_000, "0 5k 10k 15k"),
            (999_999, "0 200k 400k 600k 800k"),
            (1_000_000, "0 0.5M 1M"),
            (999_999_999, "0 200M 400M 600M 800M"),
            (1_000_000_000, "0 0.5B 1B"),
            (2.5e15, "0 1,000,000B 2,000,000B"),
        ],
    )
    def test_the_last_tick_decides_on_the_unit(self, upper, words):
        assert labels(count_ticks(Scale(upper, 0, 100))) == words

    def test_a_tick_stands_where_its_count_lies(self):
        assert [tick.at for tick in count_ticks(Scale(12_500, 147.5, 7.5))] == [147.5, 91.5, 35.5]

    @given(st.integers(1, 10**15))
    def test_no_two_ticks_read_alike(self, upper):
        ticks = count_ticks(Scale(upper, 147.5, 7.5))
        assert len({tick.label for tick in ticks}) == len(ticks) <= 5
        assert ticks[0].label == "0"


class TestShares:
    """Percentages, at most 5 of them."""

    @pytest.mark.parametrize(
        ("upper", "words"),
        [
            (1, "0% 50% 100%"),
            (0.999, "0% 20% 40% 60% 80%"),
            (0.5, "0% 20% 40%"),
            (0.05, "0% 2% 4%"),
            (0.01, "0% 0.5% 1%"),
            (0.00003, "0% 0.001% 0.002% 0.003%"),
        ],
    )
    def test_a_share_of_one_is_told_in_percent(self, upper, words):
        assert labels(share_ticks(Scale(upper, 0, 100))) == words

    def test_a_tick_stands_where_its_share_lies(self):
        assert [tick.at for tick in share_ticks(Scale(0.5, 10, 20))] == [10, 14, 18]

    @given(st.floats(1e-4, 1))
    def test_a_label_says_where_its_tick_stands(self, upper):
        scale = Scale(upper, 0, 100)
        for tick in share_ticks(scale):
            assert tick.at == pytest.approx(scale.at(float(tick.label.removesuffix("%")) / 100), abs=0.011)


class TestTime:
    """Seconds up to 3 minutes, minutes up to 3 hours, and hours beyond."""

    @pytest.mark.parametrize(
        ("upper", "unit", "words"),
        [
            (0.001, "seconds", "0 0.0002 0.0004 0.0006 0.0008 0.001"),
            (60, "seconds", "0 10 20 30 40 50 60"),
            (179, "seconds", "0 20 40 60 80 100 120 140 160"),
            (180, "seconds", "0 50 100 150"),
            (180.01, "minutes", "0 0.5 1 1.5 2 2.5 3"),
            (10_799, "minutes", "0 20 40 60 80 100 120 140 160"),
            (10_800, "minutes", "0 50 100 150"),
            (10_801, "hours", "0 0.5 1 1.5 2 2.5 3"),
            (1e7, "hours", "0 500 1000 1500 2000 2500"),
        ],
    )
    def test_the_unit_changes_after_its_last_value(self, upper, unit, words):
        found, ticks = time_ticks(Scale(upper, 0, 100))
        assert (found, labels(ticks)) == (unit, words)

    @pytest.mark.parametrize(("upper", "size"), [(100, 1), (6000, 60), (60_000, 3600)])
    def test_a_tick_stands_where_its_time_lies_in_seconds(self, upper, size):
        scale = Scale(upper, 8, 937)
        _, ticks = time_ticks(scale)
        assert [tick.at for tick in ticks] == [scale.at(float(tick.label) * size) for tick in ticks]
        assert ticks[0].at == 8

    @given(st.floats(1e-3, 1e8))
    def test_at_most_nine_ticks_and_no_two_alike(self, upper):
        _, ticks = time_ticks(Scale(upper, 0, 100))
        assert 2 <= len({tick.label for tick in ticks}) == len(ticks) <= 9
        assert all(0 <= tick.at <= 100 for tick in ticks)

"""Bars are to scale, side by side or one below the other, and lie inside of the plot."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstpass.report.axes import Scale, Tick, count_ticks
from firstpass.report.bar_layout import BAR_HEIGHT, COLUMN_HEIGHT, ROW_HEIGHT, BarValue, column_chart, row_chart
from firstpass.report.chart_text import text_width

COUNTS = st.integers(0, 10**9)
VALUES = st.lists(
    st.builds(BarValue, COUNTS, st.one_of(st.none(), COUNTS), st.just("")), min_size=1, max_size=30
).filter(lambda values: any(value.now or value.before for value in values))


def now(*values: float) -> list[BarValue]:
    return [BarValue(value, None, f"value {n}") for n, value in enumerate(values)]


def both(*pairs: tuple[float, float | None]) -> list[BarValue]:
    return [BarValue(value, before, f"value {n}") for n, (value, before) in enumerate(pairs)]


def bare(scale: Scale) -> tuple[Tick, ...]:
    """Ticks without words: the plot has all the room there is, from 8 to 457."""
    return (Tick(scale.at(0), ""),)


def worded(words: str):
    """One tick with these words."""
    return lambda scale: (Tick(scale.at(0), words),)


class TestColumns:
    """One column per value that is not 0."""

    def test_a_column_of_each_value_to_the_hundredth(self):
        chart = column_chart(both((4, 2), (0, 0), (1, 8), (3, 1)), [(0, "0"), (4, "1")], count_ticks, "score")
        places = [(bar.x, bar.y, bar.width, bar.height, bar.words) for bar in chart.columns]
        assert places == [
            (23.24, 77.5, 98.83, 70.0, "value 0"),
            (242.87, 130.0, 98.83, 17.5, "value 2"),
            (352.68, 95.0, 98.83, 52.5, "value 3"),
        ]
        assert (chart.plot.left, chart.plot.top, chart.plot.right, chart.plot.bottom) == (17.75, 7.5, 457, 147.5)
        assert (chart.width, chart.height, chart.caption) == (480, 193, "score")
        assert chart.names == (Tick(17.75, "0"), Tick(457, "1"))
        assert [tick.label for tick in chart.ticks] == ["0", "2", "4", "6", "8"]
        assert chart.threshold is None

    def test_a_tenth_of_a_columns_room_is_left_free(self):
        (bar,) = column_chart(now(3), [], bare, "").columns
        assert (bar.x, bar.width) == (30.45, 404.1)
        left, right = column_chart(now(3, 3), [], bare, "").columns
        assert right.x - (left.x + left.width) == pytest.approx(0.1 * 449 / 2, abs=0.011)

    def test_the_highest_column_is_as_high_as_the_plot(self):
        chart = column_chart(now(1, 7, 3), [], bare, "")
        assert [bar.height for bar in chart.columns] == [20, 140, 60]
        assert chart.columns[1].y == chart.plot.top

    def test_what_was_before_counts_for_the_height_too(self):
        (bar,) = column_chart(both((1, 4)), [], bare, "").columns
        assert bar.height == COLUMN_HEIGHT / 4

    def test_nothing_now_is_no_column_but_keeps_its_room(self):
        chart = column_chart(both((0, 5), (5, 0)), [], bare, "")
        (bar,) = chart.columns
        assert bar.words == "value 1"
        assert bar.x == 243.73

    def test_the_widest_tick_decides_on_the_room_at_the_left(self):
        assert column_chart(now(1), [], bare, "").plot.left == 8
        assert column_chart(now(1), [], worded("WW"), "").plot.left == 8 + 2 * 15
        three = column_chart(now(1), [], lambda _: (Tick(0, "i"), Tick(1, "WWW"), Tick(2, "i")), "")
        assert three.plot.left == 8 + 3 * 15

    def test_ticks_and_columns_share_one_scale(self):
        chart = column_chart(now(2, 5, 10), [], count_ticks, "")
        at = {tick.label: tick.at for tick in chart.ticks}
        assert (chart.columns[1].y, chart.columns[2].y) == (at["5"], at["10"])
        assert at["0"] == chart.plot.bottom

    @given(VALUES)
    def test_columns_lie_side_by_side_inside_of_the_plot(self, values):
        chart = column_chart(values, [], count_ticks, "")
        top = max(max(each.now, each.before or 0) for each in values)
        shown = [each.now for each in values if each.now]
        assert len(chart.columns) == len(shown)
        for bar, value in zip(chart.columns, shown, strict=True):
            assert bar.height == pytest.approx(COLUMN_HEIGHT * value / top, abs=0.011)
            assert bar.y + bar.height == pytest.approx(chart.plot.bottom, abs=0.001)
            assert chart.plot.left < bar.x < bar.x + bar.width < chart.plot.right
        assert all(one.x + one.width < other.x for one, other in pairwise(chart.columns))


class TestNames:
    """Names stand below the columns, on one line where they have room and on two by turns where they have not."""

    def test_a_place_counts_in_columns(self):
        chart = column_chart(now(1, 1), [(0, "a"), (0.5, "b"), (1, "c"), (2, "d")], bare, "")
        assert [(tick.at, tick.label) for tick in chart.names] == [(8, "a"), (120.25, "b"), (232.5, "c"), (457, "d")]

    @pytest.mark.parametrize(("places", "staggered"), [([0, 18.75 / 32], False), ([0, 18.74 / 32], True)])
    def test_a_quarter_of_a_lines_height_must_be_free_between_two_names(self, places, staggered):
        """The plot is 224 units wide: 32 for each of 7 columns. Each name takes 15, and 3.75 are to be free."""
        chart = column_chart(now(*[1] * 7), [(place, "W") for place in places], worded("W" * 15), "")
        assert chart.plot.right - chart.plot.left == 224
        assert chart.staggered is staggered

    def test_two_names_that_meet_are_enough_wherever_they_are(self):
        apart, meeting = [(0, "WWW"), (3, "WWW"), (6, "WWW")], [(0, "W"), (3, "WWW"), (4, "WWW")]
        assert not column_chart(now(*[1] * 7), apart, worded("W" * 15), "").staggered
        assert column_chart(now(*[1] * 7), meeting, worded("W" * 15), "").staggered
        assert column_chart(now(*[1] * 7), meeting[1:], worded("W" * 15), "").staggered

    def test_both_names_take_half_of_their_width_from_the_room_between_them(self):
        """32 units between them: 28.25 without the gap, which is 15 times 1.88 em."""
        for left, right in (("WWW", "i"), ("i", "WWW")):
            assert not column_chart(now(*[1] * 7), [(0, left), (1, right)], worded("W" * 15), "").staggered
        assert column_chart(now(*[1] * 7), [(0, "WWW"), (1, "W")], worded("W" * 15), "").staggered

    @pytest.mark.parametrize("names", [[], [(0, "W" * 99)]])
    def test_a_single_name_never_meets_another(self, names):
        assert not column_chart(now(1), names, bare, "").staggered

    def test_two_lines_of_names_make_the_drawing_one_line_higher(self):
        names = [(0, "WWW"), (0.01, "WWW")]
        crowded, plain = (column_chart(now(1), some, bare, "") for some in (names, names[:1]))
        assert plain.height == 147.5 + 8 + 2 * 18.75
        assert crowded.height == plain.height + 18.75


class TestBefore:
    """A line of steps over the columns says how high each was before."""

    def test_two_corners_per_column_and_one_at_each_end(self):
        chart = column_chart(both((2, 1), (4, 0), (0, 4)), [], bare, "")
        thirds = [8, 157.67, 307.33, 457]
        assert chart.before == (
            (8, 147.5),
            (8, 112.5), (thirds[1], 112.5),
            (thirds[1], 147.5), (thirds[2], 147.5),
            (thirds[2], 7.5), (457, 7.5),
            (457, 147.5),
        )  # fmt: skip

    def test_without_one_of_the_earlier_values_there_is_no_line(self):
        assert column_chart(both((1, 1), (1, None)), [], bare, "").before == ()
        assert column_chart(now(1, 2), [], bare, "").before == ()

    def test_nothing_before_is_a_line_along_the_bottom(self):
        assert {y for _, y in column_chart(both((1, 0), (2, 0)), [], bare, "").before} == {147.5}

    @given(VALUES)
    def test_the_line_goes_from_left_to_right_and_never_leaves_the_plot(self, values):
        chart = column_chart(values, [], bare, "")
        known = all(each.before is not None for each in values)
        assert len(chart.before) == (2 * len(values) + 2 if known else 0)
        assert all(one[0] <= other[0] for one, other in pairwise(chart.before))
        assert all(one[0] == other[0] or one[1] == other[1] for one, other in pairwise(chart.before))
        assert all(chart.plot.top <= y <= chart.plot.bottom for _, y in chart.before)


class TestThreshold:
    """An upright line, with its label above the plot."""

    def threshold(self, value: float, ticks=bare):
        return column_chart(now(1), [], ticks, "", value).threshold

    def test_there_is_a_line_of_text_above_the_plot(self):
        chart = column_chart(now(1), [], bare, "", 0.5)
        assert (chart.plot.top, chart.plot.bottom, chart.height) == (26.75, 166.75, 212.25)
        assert column_chart(now(1), [], bare, "", 0).plot.top == 26.75, "0 is a threshold as well"

    @pytest.mark.parametrize(
        ("value", "x", "label_x", "anchor"),
        [
            (0, 8, 13, "start"),
            (0.5, 232.5, 237.5, "start"),
            (0.7, 322.3, 327.3, "start"),
            (0.71, 326.79, 321.79, "end"),
            (1, 457, 452, "end"),
        ],
    )
    def test_its_label_stands_five_units_beside_it(self, value, x, label_x, anchor):
        line = self.threshold(value)
        assert (line.x, line.label_x, line.anchor) == (x, label_x, anchor)
        assert line.label == f"threshold {value}"

    @pytest.mark.parametrize(("value", "x", "label"), [(-0.5, 8, "threshold -0.5"), (1.5, 457, "threshold 1.5")])
    def test_one_out_of_range_stands_at_the_edge_and_says_what_it_is(self, value, x, label):
        assert (self.threshold(value).x, self.threshold(value).label) == (x, label)

    def test_its_digits_are_those_that_matter(self):
        assert self.threshold(0.30000000000000004).label == "threshold 0.3"
        assert self.threshold(0.123456789).label == "threshold 0.123457"

    def test_a_label_without_room_at_the_right_stands_at_the_left(self):
        assert [self.threshold(value).anchor for value in (0.61, 0.612345, 0.69, 0.698765)] == [
            "start", "start", "start", "end",
        ]  # fmt: skip

    @given(st.floats(0, 1), st.integers(0, 12))
    def test_its_label_lies_inside_of_the_drawing(self, value, room):
        line = self.threshold(value, worded("W" * room))
        width = 15 * text_width(line.label)
        left = line.label_x - (width if line.anchor == "end" else 0)
        assert left >= 0
        assert left + width <= 457.01


class TestRows:
    """One row per value, with the name at its left."""

    def test_a_row_of_each_value_to_the_hundredth(self):
        chart = row_chart(["cat", "猫" * 20], both((4, 2), (1, 8)), count_ticks)
        places = [(bar.x, bar.y, bar.width, bar.height, bar.words) for bar in chart.rows]
        assert places == [(203, 4.5, 127, 14, "value 0"), (203, 27.5, 31.75, 14, "value 1")]
        assert chart.before == ((266.5, 1.5, 21.5), (457, 24.5, 44.5))
        assert chart.names == (Tick(11.5, "cat"), Tick(34.5, "猫" * 12 + "…"))
        assert (chart.plot.left, chart.plot.top, chart.plot.right, chart.plot.bottom) == (203, 0, 457, 46)
        assert (chart.width, chart.height) == (480, 46 + 8 + 18.75)
        assert [(tick.at, tick.label) for tick in chart.ticks[::2]] == [(203, "0"), (330, "4"), (457, "8")]

    def test_nothing_now_is_a_row_without_length(self):
        chart = row_chart(["a", "b"], both((0, 5), (5, 0)), bare)
        assert [bar.width for bar in chart.rows] == [0, 457 - chart.plot.left]

    def test_only_what_was_before_has_a_mark(self):
        chart = row_chart(["a", "b", "c"], both((1, None), (2, 0), (4, 2)), bare)
        assert [(x, (top + bottom) / 2) for x, top, bottom in chart.before] == [(23, 34.5), (240, 57.5)]

    def test_short_names_leave_room_for_the_first_tick(self):
        """23 units, whatever the names; 8 + 15 for each em beyond that."""
        assert row_chart([""], now(1), bare).plot.left == 23
        assert row_chart(["W"], now(1), bare).plot.left == 23
        assert row_chart(["Wi"], now(1), bare).plot.left == 29.3
        assert row_chart(["i", "WW", "i"], now(1, 1, 1), bare).plot.left == 38

    def test_the_longest_name_takes_thirteen_em(self):
        assert row_chart(["W" * 13], now(1), bare).names[0].label == "W" * 13
        assert row_chart(["W" * 14], now(1), bare).names[0].label == "W" * 12 + "…"

    @given(VALUES)
    def test_rows_lie_one_below_the_other_inside_of_the_plot(self, values):
        chart = row_chart([f"class {n}" for n in range(len(values))], values, count_ticks)
        top = max(max(each.now, each.before or 0) for each in values)
        whole = chart.plot.right - chart.plot.left
        assert chart.plot.bottom == ROW_HEIGHT * len(values)
        for n, (bar, value) in enumerate(zip(chart.rows, values, strict=True)):
            assert bar.width == pytest.approx(whole * value.now / top, abs=0.011)
            assert (bar.x, bar.height) == (chart.plot.left, BAR_HEIGHT)
            assert bar.y + BAR_HEIGHT / 2 == ROW_HEIGHT * (n + 0.5) == chart.names[n].at
        assert len(chart.before) == sum(each.before is not None for each in values)
        for x, upper, lower in chart.before:
            assert chart.plot.left <= x <= chart.plot.right
            assert lower - upper == 20
            assert 0 <= upper < lower <= chart.plot.bottom

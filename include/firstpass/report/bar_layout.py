"""Where the bars of a chart go: columns over an axis, or rows beside their names. Their lengths are to scale."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from firstpass.report.axes import PlotArea, Scale, Tick
from firstpass.report.chart_text import GAP, LARGE, LINE, OVERHANG, shortened, text_width

WIDTH = 480  # units: report.css shows one as 0.75 pixels on a phone and as 1.1 in one of two columns
COLUMN_HEIGHT = 140  # units: the highest column
GUTTER = 0.1  # between two columns, as a share of one's room
ROW_HEIGHT = 23  # units from one row to the next
BAR_HEIGHT = 14  # units of a row's bar
MARK_HEIGHT = 20  # units of the upright line across it
NAME_WIDTH = 13  # em: the longest name of a row


@dataclass(frozen=True, slots=True)
class BarValue:
    """What a bar shows: its value, the value before (None: there was none), and both in words."""

    now: float
    before: float | None
    words: str


@dataclass(frozen=True, slots=True)
class DrawnBar:
    """A rectangle in units of the drawing, and what it shows in words."""

    x: float
    y: float
    width: float
    height: float
    words: str


@dataclass(frozen=True, slots=True)
class ThresholdLine:
    """An upright line at `x`. Its label starts or ends (`anchor`, as in SVG) at `label_x`, above the plot."""

    x: float
    label: str
    label_x: float
    anchor: str


@dataclass(frozen=True, slots=True)
class ColumnChart:
    """Columns; `names` stand below them, on two lines by turns if `staggered`, and `ticks` to the left.

    before: the corners (x, y) of a line of steps over the columns, or none.
    """

    width: float
    height: float
    plot: PlotArea
    columns: tuple[DrawnBar, ...]
    before: tuple[tuple[float, float], ...]
    names: tuple[Tick, ...]
    staggered: bool
    ticks: tuple[Tick, ...]
    caption: str
    threshold: ThresholdLine | None


@dataclass(frozen=True, slots=True)
class RowChart:
    """Rows; `names` stand to the left of them, `ticks` below. before: upright lines (x, upper y, lower y)."""

    width: float
    height: float
    plot: PlotArea
    rows: tuple[DrawnBar, ...]
    before: tuple[tuple[float, float, float], ...]
    names: tuple[Tick, ...]
    ticks: tuple[Tick, ...]


def column_chart(
    values: Sequence[BarValue],
    names: Sequence[tuple[float, str]],
    ticks: Callable[[Scale], tuple[Tick, ...]],
    caption: str,
    threshold: float | None = None,
) -> ColumnChart:
    """One column per value, side by side; one of the values is above 0.

    Where a name stands counts in columns: 0 is the left edge of the first one, 0.5 its middle. threshold: where along
    the columns, from 0 to 1.
    """
    top = LARGE / 2 if threshold is None else LINE + GAP
    bottom = top + COLUMN_HEIGHT
    scale = Scale(_highest(values), bottom, top)
    numbers = ticks(scale)
    left = round(GAP + LARGE * max(text_width(tick.label) for tick in numbers), 2)
    plot = PlotArea(left, top, WIDTH - OVERHANG, bottom)
    along = Scale(len(values), plot.left, plot.right)
    staggered = _crowded(names, (plot.right - plot.left) / len(values))
    return ColumnChart(
        width=WIDTH,
        height=bottom + GAP + LINE * (3 if staggered else 2),
        plot=plot,
        columns=tuple(_column(n, each, along, scale) for n, each in enumerate(values) if each.now),
        before=_steps(values, along, scale),
        names=tuple(Tick(along.at(place), name) for place, name in names),
        staggered=staggered,
        ticks=numbers,
        caption=caption,
        threshold=None if threshold is None else _threshold_line(threshold, plot),
    )


def _crowded(names: Sequence[tuple[float, str]], step: float) -> bool:
    """Whether two names would meet on one line; `step` is a column's share of the width, in units."""
    return any(
        LARGE * (text_width(left) + text_width(right)) / 2 + LARGE / 4 > (place - before) * step
        for (before, left), (place, right) in pairwise(names)
    )


def _column(number: int, value: BarValue, along: Scale, scale: Scale) -> DrawnBar:
    x, y = along.at(number + GUTTER / 2), scale.at(value.now)
    return DrawnBar(x, y, round(along.at(number + 1 - GUTTER / 2) - x, 2), round(scale.start - y, 2), value.words)


def _highest(values: Sequence[BarValue]) -> float:
    return max(max(each.now, each.before or 0) for each in values)


def _steps(values: Sequence[BarValue], along: Scale, scale: Scale) -> tuple[tuple[float, float], ...]:
    if any(each.before is None for each in values):
        return ()
    levels = [scale.at(each.before or 0) for each in values]
    corners = [(along.at(n + side), level) for n, level in enumerate(levels) for side in (0, 1)]
    return ((along.start, scale.start), *corners, (along.end, scale.start))


def _threshold_line(threshold: float, plot: PlotArea) -> ThresholdLine:
    """Its label stands to the right of it; to the left where little room is left, or less than the label needs."""
    x = Scale(1, plot.left, plot.right).at(min(max(threshold, 0), 1))
    label = f"threshold {threshold:g}"
    if threshold <= 0.7 and x + 5 + LARGE * text_width(label) <= plot.right:
        return ThresholdLine(x, label, round(x + 5, 2), "start")
    return ThresholdLine(x, label, round(x - 5, 2), "end")


def row_chart(names: Sequence[str], values: Sequence[BarValue], ticks: Callable[[Scale], tuple[Tick, ...]]) -> RowChart:
    """One row per value, from top to bottom; one of the values is above 0."""
    middles = [ROW_HEIGHT * (n + 0.5) for n in range(len(values))]
    labels = [shortened(name, NAME_WIDTH) for name in names]
    left = max(OVERHANG, round(GAP + LARGE * max(map(text_width, labels)), 2))
    plot = PlotArea(left, 0, WIDTH - OVERHANG, ROW_HEIGHT * len(values))
    scale = Scale(_highest(values), plot.left, plot.right)
    return RowChart(
        width=WIDTH,
        height=plot.bottom + GAP + LINE,
        plot=plot,
        rows=tuple(_row(middle, each, scale) for middle, each in zip(middles, values, strict=True)),
        before=tuple(
            (scale.at(each.before), round(middle - MARK_HEIGHT / 2, 2), round(middle + MARK_HEIGHT / 2, 2))
            for middle, each in zip(middles, values, strict=True)
            if each.before is not None
        ),
        names=tuple(map(Tick, middles, labels)),
        ticks=ticks(scale),
    )


def _row(middle: float, value: BarValue, scale: Scale) -> DrawnBar:
    width = round(scale.at(value.now) - scale.start, 2)
    return DrawnBar(scale.start, round(middle - BAR_HEIGHT / 2, 2), width, BAR_HEIGHT, value.words)

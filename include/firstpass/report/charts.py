"""The report's charts: SVG inside the page, in the page's own colours, so that they follow dark mode.

A chart with nothing to draw is empty, and so false in a template.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from markupsafe import Markup

from firstpass.pages.rendering import environment, number
from firstpass.quality.drift import BOXES_EDGES, SCORE_EDGES, SIZE_EDGES, Comparison
from firstpass.report.axes import count_ticks, share_ticks
from firstpass.report.bar_layout import BarValue, ColumnChart, RowChart, column_chart, row_chart
from firstpass.report.chunk_lanes import LaneChart, lane_chart
from firstpass.report.chunk_runs import ChunkRun
from firstpass.warehouse.run_figures import SCORE_BINS

CLASSES = 12  # classes that have a bar of their own; the rest is one bar
MEASURES = {"score": "score", "boxes": "drafts per image", "size": "box size, as a share of the image's side"}


def score_histogram(counts: Sequence[int], threshold: float) -> Markup:
    """Drafts per score: `counts` has SCORE_BINS bins over 0..1; a line marks the threshold."""
    if not any(counts):
        return Markup()
    bins, marks = _between([n / SCORE_BINS for n in range(1, SCORE_BINS)])
    values = [BarValue(count, None, f"{name}: {number(count)}") for name, count in zip(bins, counts, strict=True)]
    chart = column_chart(values, marks, count_ticks, MEASURES["score"], threshold)
    return _svg("columns.html", "Histogram of the drafts' scores", chart)


def class_shares(one: Comparison, names: Mapping[int, str]) -> Markup:
    """Each class's share of the drafts, now as a bar and before as a line; rare classes together."""
    now, before = _shares(one.now), _shares(one.base)
    if not (now or before):
        return Markup()
    classes = sorted(now.keys() | before.keys(), key=lambda c: (-max(now.get(c, 0), before.get(c, 0)), c))
    groups = [(names.get(c, f"class {c}"), [c]) for c in classes[:CLASSES]]
    if rare := classes[CLASSES:]:
        groups.append((f"{len(rare)} more", rare))
    values = [_value(name, now, before, members) for name, members in groups]
    chart = row_chart([name for name, _ in groups], values, share_ticks)
    return _svg("rows.html", "Share of each class, now and before", chart)


def shares(measure: str, one: Comparison) -> Markup:
    """The distribution of `score`, `boxes` or `size`: now as bars, before as a line."""
    now, before = _shares(one.now), _shares(one.base)
    if not (now or before):
        return Markup()
    if measure == "boxes":
        bins, marks = _ranges(BOXES_EDGES)
    else:
        bins, marks = _between(SCORE_EDGES if measure == "score" else SIZE_EDGES)
    values = [_value(name, now, before, [n]) for n, name in enumerate(bins)]
    chart = column_chart(values, marks, share_ticks, MEASURES[measure])
    return _svg("columns.html", f"Distribution of {MEASURES[measure]}, now and before", chart)


def timeline(chunks: Sequence[ChunkRun]) -> Markup:
    """When each chunk ran, a lane for each that ran side by side; by node, unless there are too many nodes to name.

    Chunks without a time, such as failed ones, are left out: the table has them.
    """
    chart = lane_chart(chunks)
    return _svg("lanes.html", "When each chunk ran", chart) if chart else Markup()


def _shares(counts: Mapping[int, int]) -> dict[int, float]:
    """Bin → its share of all; nothing where nothing was counted."""
    total = sum(counts.values())
    return {bin_: count / total for bin_, count in counts.items()} if total else {}


def _value(name: str, now: Mapping[int, float], before: Mapping[int, float], bins: Sequence[int]) -> BarValue:
    """What these bins have together."""
    share, base = (sum(side.get(bin_, 0) for bin_ in bins) for side in (now, before))
    if not before:
        return BarValue(share, None, f"{name}: {share:.1%}")
    return BarValue(share, base, f"{name}: {share:.1%}, before {base:.1%}")


def _between(edges: Sequence[float]) -> tuple[list[str], Sequence[tuple[float, str]]]:
    """Bins over 0..1 in words, and their edges as marks; every second one where there are many."""
    names = [f"{edge:g}" for edge in (0, *edges, 1)]
    step = 2 if len(names) > 12 else 1
    return [f"{lower}–{upper}" for lower, upper in pairwise(names)], list(enumerate(names))[::step]


def _ranges(edges: Sequence[int]) -> tuple[list[str], Sequence[tuple[float, str]]]:
    """Bins of whole numbers in words, which are the marks as well, in the middle of each bin."""
    lower, upper = [0, *edges], [edge - 1 for edge in edges]
    names = [f"{a}" if a == b else f"{a}–{b}" for a, b in zip(lower, upper, strict=False)] + [f"{edges[-1]}+"]
    return names, [(n + 0.5, name) for n, name in enumerate(names)]


def _svg(template: str, title: str, chart: ColumnChart | RowChart | LaneChart) -> Markup:
    svg = environment(__package__).get_template(template).render(title=title, chart=chart)
    return Markup(svg)  # noqa: S704 - the template escaped what it was given

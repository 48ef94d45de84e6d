"""Plots as SVG inside the page, in the page's own colours, so that they follow dark mode."""

from __future__ import annotations

import re
from collections.abc import Sequence
from io import StringIO
from typing import Any

from markupsafe import Markup

# Colours that matplotlib is given → what the page replaces them with.
_COLOURS = {
    "#0a0001": "var(--accent)",
    "#0a0002": "var(--soft)",
    "#0a0003": "var(--line)",
    "#0a0004": "var(--warn)",
    "#0a0005": "var(--ink)",
}
# What an SVG file needs and an inline drawing does not: namespaces, fonts, ids that would collide, styles that leak.
_NOISE = [
    re.compile(pattern, re.DOTALL)
    for pattern in (
        r"<metadata>.*?</metadata>",
        r"<style.*?</style>",
        r' xmlns(?::xlink)?="[^"]*"',
        r' (?:width|height)="[^"]*pt"',
        r" font-family: [^;]*;",
        r' id="[A-Za-z.]+[0-9d]*_\d+"',
    )
]
ACCENT, SOFT, LINE, WARN, INK = _COLOURS
BINS = 20


def score_histogram(counts: Sequence[int], threshold: float) -> Markup:
    """Detections per score: `counts` has BINS bins over 0..1; a line marks the threshold."""
    figure, axes = _figure(7.2, 2.3)
    axes.bar([n / BINS for n in range(BINS)], counts, width=0.92 / BINS, align="edge", color=ACCENT)
    axes.axvline(threshold, color=WARN, linewidth=1.2, linestyle=(0, (4, 3)))
    axes.annotate(
        f"threshold {threshold:g}",
        (threshold, 1),
        xycoords=("data", "axes fraction"),
        xytext=(4, -8),
        textcoords="offset points",
        color=WARN,
    )
    axes.set_xlim(0, 1)
    axes.set_xlabel("score")
    axes.set_ylabel("detections")
    return _svg(figure, "Histogram of the detections' scores")


def _figure(width: float, height: float) -> tuple[Any, Any]:
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    matplotlib.rcParams.update({
        "svg.fonttype": "none",
        "svg.hashsalt": "firstpass",
        "font.family": "sans-serif",
        "font.size": 9,
        "axes.edgecolor": LINE,
        "axes.labelcolor": SOFT,
        "xtick.color": LINE,
        "ytick.color": LINE,
        "xtick.labelcolor": SOFT,
        "ytick.labelcolor": SOFT,
        "text.color": INK,
    })
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.grid(axis="y", color=LINE, linewidth=0.6)
    axes.set_axisbelow(True)
    return figure, axes


def _svg(figure: Any, title: str) -> Markup:
    buffer = StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :].replace("xlink:href", "href")
    for noise in _NOISE:
        svg = noise.sub("", svg)
    for given, wanted in _COLOURS.items():
        svg = svg.replace(given, wanted)
    return Markup(svg.replace("<svg", Markup('<svg role="img" aria-label="{}"').format(title), 1))  # noqa: S704

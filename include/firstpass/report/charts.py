"""Plots as SVG inside the page, in the page's own colours, so that they follow dark mode."""

from __future__ import annotations

import re
from collections.abc import Sequence
from io import StringIO
from typing import Any

from markupsafe import Markup

from firstpass.quality.drift import BOXES_EDGES, SCORE_EDGES, SIZE_EDGES, Comparison
from firstpass.report.chunk_runs import ChunkRun
from firstpass.warehouse.run_figures import SCORE_BINS

# Colours that matplotlib is given → what the page replaces them with.
_COLOURS = {
    "#0a0001": "var(--accent)",
    "#0a0002": "var(--soft)",
    "#0a0003": "var(--line)",
    "#0a0004": "var(--warn)",
    "#0a0005": "var(--ink)",
    "#0a0006": "var(--paper)",
}
ACCENT, SOFT, LINE, WARN, INK, PAPER = _COLOURS

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

_CLASSES = 12  # shown in the drift of classes; the rest is one bar
_NODES = 12  # named in the timeline; a cluster's pods are too many
_MEASURES = {"score": "score", "boxes": "detections an image", "size": "box size, as a share of the image's side"}


def score_histogram(counts: Sequence[int], threshold: float) -> Markup:
    """Detections per score: `counts` has SCORE_BINS bins over 0..1; a line marks the threshold."""
    figure, axes = _figure(6.4, 2.4)
    axes.bar([n / SCORE_BINS for n in range(SCORE_BINS)], counts, width=0.92 / SCORE_BINS, align="edge", color=ACCENT)
    axes.axvline(threshold, color=WARN, linewidth=1.2, linestyle=(0, (4, 3)))
    axes.set_xlim(0, 1)
    axes.margins(y=0.16)
    place, side = (-4, "right") if threshold > 0.7 else (4, "left")
    axes.annotate(
        f"threshold {threshold:g}", (threshold, 1), xycoords=("data", "axes fraction"), xytext=(place, -7),
        textcoords="offset points", color=WARN, ha=side,
    )  # fmt: skip
    axes.set_xlabel("score")
    return _svg(figure, "Histogram of the detections' scores")


def class_shares(one: Comparison, names: dict[int, str]) -> Markup:
    """Each class's share of the detections, now as a bar and before as a line; rare classes together."""
    n, m = sum(one.now.values()), sum(one.base.values())
    shares = {c: (one.now.get(c, 0) / n, one.base.get(c, 0) / m) for c in one.now.keys() | one.base.keys()}
    shown = sorted(shares, key=lambda c: (-max(shares[c]), c))[:_CLASSES]
    labels = [_short(names.get(c, f"class {c}")) for c in shown]
    values = [shares[c] for c in shown]
    if len(shown) < len(shares):
        labels.append(f"{len(shares) - len(shown)} more")
        values.append((1 - sum(v[0] for v in values), 1 - sum(v[1] for v in values)))
    figure, axes = _figure(6.4, 0.7 + 0.24 * len(values))
    places = range(len(values), 0, -1)
    axes.barh(places, [v[0] for v in values], height=0.62, color=ACCENT)
    axes.vlines(
        [v[1] for v in values], [p - 0.42 for p in places], [p + 0.42 for p in places], color=INK, linewidth=1.6
    )
    axes.set_yticks(places, labels)
    return _shares(figure, axes, "x", "Share of each class, now and before")


def shares(measure: str, one: Comparison) -> Markup:
    """The distribution of `score`, `boxes` or `size`: now as bars, before as a line."""
    edges, labels = _edges(measure)
    n, m = sum(one.now.values()), sum(one.base.values())
    bins = range(len(edges) + 1)
    figure, axes = _figure(6.4, 2.2)
    axes.bar(bins, [one.now.get(b, 0) / n for b in bins], width=0.88, color=ACCENT)
    axes.stairs(
        [one.base.get(b, 0) / m for b in bins], [b - 0.5 for b in range(len(edges) + 2)], color=INK, linewidth=1.6
    )
    step = 2 if measure != "boxes" else 1
    axes.set_xticks(list(bins)[::step], labels[::step])
    axes.set_xlabel(_MEASURES[measure])
    return _shares(figure, axes, "y", f"Distribution of {_MEASURES[measure]}, now and before")


def timeline(chunks: Sequence[ChunkRun]) -> Markup:
    """When each chunk ran, a lane for each that ran side by side; by node, unless there are more than _NODES.

    Failed ones have no time: the table has them.
    """
    timed = [c for c in chunks if c.start is not None and c.seconds]
    hosts = sorted({c.host for c in timed})
    named = len(hosts) <= _NODES
    figure, axes = _figure(12, 1)
    lanes: list[tuple[str, float]] = []  # whose, and until when it is taken
    for chunk in sorted(timed, key=lambda c: (c.host if named else "", c.start or 0)):
        start, seconds, owner = chunk.start or 0.0, chunk.seconds or 0.0, chunk.host if named else ""
        free = (n for n, (whose, until) in enumerate(lanes) if whose == owner and until <= start + 0.05)
        lane = next(free, len(lanes))
        lanes[lane : lane + 1] = [(owner, start + seconds)]
        axes.broken_barh([(start, seconds * 0.995)], (-lane - 0.4, 0.8), color=WARN if chunk.attempts > 1 else ACCENT)
        if len(timed) <= 48:
            axes.annotate(str(chunk.index), (start + seconds / 2, -lane), color=PAPER, ha="center", va="center")
    figure.set_size_inches(12, 0.7 + 0.3 * len(lanes))
    owners = [owner for owner, _ in lanes]
    axes.set_yticks([-owners.index(host) for host in hosts] if named else [], map(_short, hosts) if named else [])
    axes.grid(visible=False)
    axes.set_xlabel("seconds since the first chunk's start")
    return _svg(figure, "When each chunk ran")


def _edges(measure: str) -> tuple[Sequence[float], list[str]]:
    if measure == "boxes":
        upper = [*(edge - 1 for edge in BOXES_EDGES), None]
        lower = [0, *BOXES_EDGES]
        labels = [
            f"{a}" if a == b else f"{a}–{b}" if b is not None else f"{a}+" for a, b in zip(lower, upper, strict=True)
        ]
        return BOXES_EDGES, labels
    edges = SCORE_EDGES if measure == "score" else SIZE_EDGES
    return edges, [f"{edge:g}" for edge in (0, *edges)]


def _shares(figure: Any, axes: Any, axis: str, title: str) -> Markup:
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    one = axes.xaxis if axis == "x" else axes.yaxis
    one.set_major_locator(MaxNLocator(4))
    one.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.grid(visible=False)
    axes.grid(axis=axis, color=LINE, linewidth=0.6)
    return _svg(figure, title)


def _short(name: str) -> str:
    return name if len(name) <= 24 else name[:23] + "…"


def _figure(width: float, height: float) -> tuple[Any, Any]:
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    matplotlib.rcParams.update({
        "svg.fonttype": "none",
        "svg.hashsalt": "firstpass",
        "font.size": 10,
        "axes.edgecolor": LINE,
        "axes.labelcolor": SOFT,
        "xtick.color": LINE,
        "ytick.color": LINE,
        "xtick.labelcolor": SOFT,
        "ytick.labelcolor": SOFT,
        "text.color": INK,
        "text.parse_math": False,  # a class may be called $x$
    })  # fmt: skip
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

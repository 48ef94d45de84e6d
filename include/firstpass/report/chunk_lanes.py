"""Where a run's chunks go in its timeline: in lanes, as many as ran side by side, and by node where those are few."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from firstpass.pages.rendering import duration
from firstpass.report.axes import PlotArea, Scale, Tick, time_ticks
from firstpass.report.chart_text import GAP, LARGE, LINE, OVERHANG, shortened_inside, text_width
from firstpass.report.chunk_runs import ChunkRun

WIDTH = 960  # units: the timeline takes the page's whole width
LANE_HEIGHT = 23  # units from one lane to the next
THIN_LANE_HEIGHT = 12  # units, where nothing is written in or beside a lane
NODES = 12  # nodes that are named at most; a large cluster's are too many
NODE_WIDTH = 17  # em: the longest name of a node
NUMBERED = 48  # chunks that carry their number at most
PAUSE = 0.05  # seconds that two chunks may overlap by and still follow each other: clocks are read apart


@dataclass(frozen=True, slots=True)
class ChunkSpan:
    """A chunk and when it ran, in seconds since the first chunk's start."""

    chunk: ChunkRun
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class DrawnChunk:
    """A chunk's rectangle in units of the drawing; `number` is empty where it has no room. again: more than one try."""

    x: float
    y: float
    width: float
    height: float
    number: str
    again: bool
    words: str


@dataclass(frozen=True, slots=True)
class LaneChart:
    """Chunks in lanes. `nodes` are named to the left, at their first lane; `ticks` stand below, in `unit`.

    borders: along y, where one node's lanes end and the next one's begin.
    """

    width: float
    height: float
    plot: PlotArea
    chunks: tuple[DrawnChunk, ...]
    nodes: tuple[Tick, ...]
    borders: tuple[float, ...]
    ticks: tuple[Tick, ...]
    unit: str


def lane_chart(chunks: Sequence[ChunkRun]) -> LaneChart | None:
    """The chunks that have a time; None where none has one."""
    spans = [ChunkSpan(c, c.start, c.start + c.seconds) for c in chunks if c.start is not None and c.seconds]
    if not spans:
        return None
    named, numbered = len({span.chunk.host for span in spans}) <= NODES, len(spans) <= NUMBERED
    spans.sort(key=lambda span: (span.chunk.host if named else "", span.start))
    owners, places = lanes(spans, named)
    pitch = LANE_HEIGHT if named or numbered else THIN_LANE_HEIGHT
    firsts = [lane for lane, owner in enumerate(owners) if named and owner not in owners[:lane]]
    nodes = tuple(Tick(pitch * (lane + 0.5), shortened_inside(owners[lane], NODE_WIDTH)) for lane in firsts)
    left = round(GAP + LARGE * max((text_width(node.label) for node in nodes), default=0), 2)
    plot = PlotArea(left, 0, WIDTH - OVERHANG, pitch * len(owners))
    scale = Scale(max(span.end for span in spans), plot.left, plot.right)
    unit, ticks = time_ticks(scale)
    return LaneChart(
        width=WIDTH,
        height=plot.bottom + GAP + 2 * LINE,
        plot=plot,
        chunks=tuple(_drawn(span, lane, scale, pitch, numbered) for span, lane in zip(spans, places, strict=True)),
        nodes=nodes,
        borders=tuple(pitch * lane for lane in firsts[1:]),
        ticks=ticks,
        unit=unit,
    )


def lanes(spans: Sequence[ChunkSpan], named: bool) -> tuple[list[str], list[int]]:
    """Each lane's node (empty unless `named`), and each span's lane.

    The spans come in the order of their starts; if `named`, one node's after the other's.
    """
    owners: list[str] = []
    taken: list[float] = []  # until when, for each lane
    places: list[int] = []
    for span in spans:
        owner = span.chunk.host if named else ""
        free = (n for n, until in enumerate(taken) if owners[n] == owner and until <= span.start + PAUSE)
        lane = next(free, len(taken))
        owners[lane : lane + 1] = [owner]
        taken[lane : lane + 1] = [span.end]
        places.append(lane)
    return owners, places


def _drawn(span: ChunkSpan, lane: int, scale: Scale, pitch: float, numbered: bool) -> DrawnChunk:
    """One unit narrower than its time, so that neighbours can be told apart, but never less than one unit wide."""
    chunk, x = span.chunk, scale.at(span.start)
    width = max(1.0, round(scale.at(span.end) - x - 1, 2))
    number = str(chunk.index)
    tries = f", tried {chunk.attempts} times" if chunk.attempts > 1 else ""
    return DrawnChunk(
        x=x,
        y=round(pitch * (lane + 0.1), 2),
        width=width,
        height=round(pitch * 0.8, 2),
        number=number if numbered and LARGE * text_width(number) <= width else "",
        again=chunk.attempts > 1,
        words=f"Chunk {number} on {chunk.host}: {duration(chunk.seconds)}{tries}",
    )

"""Charts show every value to scale, with readable axes, and take any name for text."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstpass.pages.rendering import asset
from firstpass.quality.drift import BOXES_EDGES, Comparison
from firstpass.report import charts
from firstpass.report.axes import Scale, count_ticks, nice_ticks, share_ticks, time_ticks
from firstpass.report.chart_text import LARGE, shortened, shortened_inside, text_width
from firstpass.report.chunk_lanes import PAUSE, ChunkSpan, lanes
from firstpass.report.chunk_runs import ChunkRun

EVIL = """"><script>alert(1)</script></svg>{{ 7*7 }} $x$"""
# Whatever XML may contain: the parser below is stricter than a browser.
NAMES = st.text(st.characters(exclude_categories=("Cs", "Cc", "Cn")), max_size=60)
COUNTS = st.lists(st.integers(0, 10**13), min_size=20, max_size=20)


class Drawing:
    """A chart as a browser would see it."""

    def __init__(self, svg: str) -> None:
        self.svg = svg
        self.root = ElementTree.fromstring(svg)
        self.width, self.height = map(float, self.root.attrib["viewBox"].split()[2:])
        self.rects = self.root.findall(".//rect")
        self.texts = self.root.findall(".//text")

    @property
    def words(self) -> list[str]:
        return [text.text or "" for text in self.texts]

    def lengths(self, side: str) -> list[float]:
        return [float(rect.attrib[side]) for rect in self.rects]

    def hints(self) -> list[str]:
        return [rect.findtext("title") or "" for rect in self.rects]

    def places(self) -> list[tuple[float, float, float, str]]:
        """Each text's left and right end and its baseline, at the larger size."""
        found = []
        for text in self.texts:
            x = float(text.attrib["x"]) + float(text.attrib.get("dx", 0))
            y = float(text.attrib["y"]) + LARGE * float(text.attrib["dy"].removesuffix("em"))
            width = LARGE * text_width(text.text or "")
            left = x - {"start": 0, "middle": width / 2, "end": width}[text.attrib.get("text-anchor", "start")]
            found.append((left, left + width, y, text.text or ""))
        return found


def assert_readable(drawing: Drawing) -> None:
    """All text lies inside of the drawing, and none on another, in the narrowest page's larger size."""
    places = drawing.places()
    for left, right, baseline, text in places:
        assert -0.1 <= left <= right <= drawing.width + 0.1, text
        assert 0.7 * LARGE <= baseline <= drawing.height - 0.2 * LARGE, text
    for n, (left, right, baseline, text) in enumerate(places):
        for other_left, other_right, other_baseline, other in places[:n]:
            apart = right <= other_left or other_right <= left or abs(baseline - other_baseline) >= LARGE * 0.75
            assert apart or not text or not other, (text, other)


def chunk(index: int, start: float | None = 0.0, seconds: float | None = 60.0, host="node", attempts=1) -> ChunkRun:
    return ChunkRun(index, "merged", 100, host, start, seconds, attempts, 0, 1.0, None)


# Ticks


@given(st.floats(1e-9, 1e15), st.integers(3, 9))
def test_ticks_are_few_round_and_reach_up_to_the_largest_value(upper, most):
    ticks = nice_ticks(upper, most)
    assert 2 <= len(ticks) <= most
    assert ticks[0] == 0
    assert all(low < high for low, high in pairwise(ticks))
    assert ticks[-1] <= upper < ticks[-1] + ticks[1] * 1.000001
    assert f"{ticks[1]:.0e}"[0] in "125"
    assert ticks == [float(f"{tick:.12g}") for tick in ticks], "0.3, not 0.30000000000000004"


@given(st.integers(1, 10**15))
def test_ticks_of_counts_are_whole_numbers(upper):
    ticks = nice_ticks(upper, 5, whole=True)
    assert 2 <= len(ticks) <= 5
    assert all(tick == int(tick) for tick in ticks)
    assert ticks[-1] <= upper


@pytest.mark.parametrize(
    ("upper", "labels"),
    [
        (1, "0 1"),
        (3, "0 1 2 3"),
        (1234, "0 500 1,000"),
        (9999, "0 2,000 4,000 6,000 8,000"),
        (10_500, "0 5k 10k"),
        (2_600_000, "0 1M 2M"),
        (1_100_000, "0 0.5M 1M"),
        (4e12, "0 1,000B 2,000B 3,000B 4,000B"),
    ],
)
def test_counts_are_short(upper, labels):
    assert [tick.label for tick in count_ticks(Scale(upper, 0, 100))] == labels.split()


@pytest.mark.parametrize(
    ("upper", "labels"), [(1, "0% 50% 100%"), (0.187, "0% 5% 10% 15%"), (0.0042, "0% 0.1% 0.2% 0.3% 0.4%")]
)
def test_shares_are_percentages(upper, labels):
    assert [tick.label for tick in share_ticks(Scale(upper, 0, 100))] == labels.split()


@pytest.mark.parametrize(
    ("upper", "unit", "last", "place"),
    [
        (1.5, "seconds", "1.4", 93.33),
        (170, "seconds", "160", 94.12),
        (600, "minutes", "10", 100),
        (29_000, "hours", "8", 99.31),
    ],
)
def test_time_is_told_in_the_unit_that_reads_best(upper, unit, last, place):
    found, ticks = time_ticks(Scale(upper, 0, 100))
    assert (found, ticks[-1].label, ticks[-1].at) == (unit, last, place)


# Names


@given(NAMES, st.floats(2, 30))
def test_a_name_is_shortened_to_its_room(name, room):
    for short in (shortened(name, room), shortened_inside(name, room)):
        assert text_width(short) <= max(room, 0)
        assert short == name or "…" in short


def test_an_ellipsis_stands_where_the_name_went_on():
    assert shortened("cat", 13) == "cat"
    assert shortened("a class with a very long name", 13) == "a class with a very l…"
    assert shortened_inside("gke-firstpass-gpu-pool-7f3c-x9k2", 13) == "gke-firstp…-7f3c-x9k2"


def test_a_name_of_nothing_but_marks_comes_to_an_end():
    assert len(shortened("a" + "\u0301" * 10_000, 13)) < 300


# Scores


@given(COUNTS.filter(any), st.floats(0, 1))
def test_every_count_is_drawn_to_scale(counts, threshold):
    drawing = Drawing(charts.score_histogram(counts, threshold))
    heights = drawing.lengths("height")
    shown = [count for count in counts if count]
    assert len(heights) == len(shown)
    for height, count in zip(heights, shown, strict=True):
        assert height == pytest.approx(140 * count / max(counts), abs=0.02)
    columns = list(zip(drawing.lengths("x"), drawing.lengths("width"), strict=True))
    assert all(x + width < following for (x, width), (following, _) in pairwise(columns)), "none covers another"
    assert_readable(drawing)


@pytest.mark.parametrize(
    ("threshold", "anchor", "share"),
    [(0, "start", 0), (0.5, "start", 0.5), (0.7, "start", 0.7), (0.71, "end", 0.71), (1, "end", 1)],
)
def test_the_threshold_is_a_line_with_its_label_beside_it(threshold, anchor, share):
    drawing = Drawing(charts.score_histogram([5] * 20, threshold))
    (line,) = drawing.root.findall("path[@class='threshold']")
    (label,) = drawing.root.findall("text[@class='threshold']")
    names = {text.text: float(text.attrib["x"]) for text in drawing.texts if text.attrib["text-anchor"] == "middle"}
    x = float(re.match(r"M([\d.]+) ", line.attrib["d"])[1])
    assert x == pytest.approx(names["0"] + threshold * (names["1"] - names["0"]), abs=0.01)
    assert label.text == f"threshold {threshold:g}"
    assert label.attrib["text-anchor"] == anchor
    assert (float(label.attrib["x"]) > x) == (anchor == "start")
    assert_readable(drawing)


def test_one_detection_is_one_column():
    drawing = Drawing(charts.score_histogram([0] * 19 + [1], 0.3))
    assert drawing.lengths("height") == [140]
    assert drawing.hints() == ["0.95–1: 1"]
    assert {"0", "1", "0.5", "score"} <= set(drawing.words)


def test_huge_counts_are_readable():
    drawing = Drawing(charts.score_histogram([0] * 10 + [12_345_678] * 10, 0.5))
    assert {"5M", "10M"} <= set(drawing.words)
    assert drawing.hints()[0] == "0.5–0.55: 12,345,678"


# Distributions


def test_each_bin_now_and_before():
    drawing = Drawing(charts.shares("boxes", Comparison({0: 6, 5: 2}, {5: 5, 11: 5}, 2)))
    assert drawing.hints() == ["0: 75.0%, before 0.0%", "5–6: 25.0%, before 50.0%"]
    assert drawing.lengths("height") == pytest.approx([140, 140 / 3], abs=0.02)
    assert {"0", "1", "5–6", "10–14", "100+", "0%", "20%", "60%", "drafts per image"} <= set(drawing.words)
    (line,) = drawing.root.findall("polyline[@class='before']")
    heights = [float(point.split(",")[1]) for point in line.attrib["points"].split()]
    bottom, half = max(heights), min(heights)
    assert bottom - half == pytest.approx(140 * 2 / 3, abs=0.02)
    assert Counter(heights) == {bottom: 22, half: 4}, "two corners a bin, and one at each end"
    assert_readable(drawing)


@pytest.mark.parametrize(("measure", "bins"), [("score", 20), ("boxes", len(BOXES_EDGES) + 1), ("size", 10)])
def test_every_bin_of_a_measure_has_its_place(measure, bins):
    one = Comparison({n: n + 1 for n in range(bins)}, {n: bins - n for n in range(bins)}, 1)
    drawing = Drawing(charts.shares(measure, one))
    assert len(drawing.rects) == bins
    assert drawing.root.attrib["aria-label"] == f"Distribution of {charts.MEASURES[measure]}, now and before"
    assert_readable(drawing)


def test_without_earlier_runs_there_is_no_line():
    drawing = Drawing(charts.shares("size", Comparison({2: 4}, {}, 0)))
    assert drawing.hints() == ["0.2–0.3: 100.0%"]
    assert not drawing.root.findall("polyline")


# Classes


def test_classes_are_ordered_by_their_larger_share():
    drawing = Drawing(charts.class_shares(Comparison({1: 3, 2: 1}, {2: 1, 9: 9}, 1), {1: "cat", 2: "dog"}))
    names = ["class 9", "cat", "dog"]
    assert [word for word in drawing.words if "%" not in word] == names
    assert drawing.hints() == ["class 9: 0.0%, before 90.0%", "cat: 75.0%, before 0.0%", "dog: 25.0%, before 10.0%"]
    widths = drawing.lengths("width")
    assert widths[0] == 0
    assert widths[1] == pytest.approx(3 * widths[2], abs=0.02)
    (lines,) = drawing.root.findall("path[@class='before']")
    before = [float(x) - drawing.lengths("x")[0] for x in re.findall(r"M([\d.]+) ", lines.attrib["d"])]
    assert before == pytest.approx([widths[1] / 0.75 * share for share in (0.9, 0, 0.1)], abs=0.02)


def test_rare_classes_are_one_bar():
    one = Comparison({n: 100 - n for n in range(40)}, {n: 100 - n for n in range(40)}, 1)
    drawing = Drawing(charts.class_shares(one, {}))
    assert len(drawing.rects) == 13
    rest = sum(100 - n for n in range(12, 40)) / sum(100 - n for n in range(40))
    assert drawing.hints()[-1] == f"28 more: {rest:.1%}, before {rest:.1%}"
    assert "28 more" in drawing.words


@given(st.lists(NAMES, min_size=1, max_size=20))
def test_any_name_is_text_inside_of_the_drawing(names):
    one = Comparison(dict.fromkeys(range(len(names)), 1), {0: 1}, 1)
    drawing = Drawing(charts.class_shares(one, dict(enumerate(names))))
    assert {element.tag for element in drawing.root.iter()} <= {"svg", "title", "path", "text", "rect"}
    assert_readable(drawing)


def test_a_hostile_class_name_is_only_text():
    svg = charts.class_shares(Comparison({1: 1}, {1: 1}, 1), {1: EVIL})
    assert "<script" not in svg
    assert Drawing(svg).hints() == [f"{EVIL}: 100.0%, before 100.0%"]
    assert Drawing(svg).words[-1] == shortened(EVIL, 13)


# The timeline


def test_chunks_lie_in_their_nodes_lanes_to_scale():
    runs = [chunk(0, 0, 100, "b"), chunk(1, 0, 50, "a"), chunk(2, 50, 50, "a", attempts=2), chunk(3, 20, 30, "a")]
    drawing = Drawing(charts.timeline(runs))
    assert drawing.hints() == [
        "Chunk 1 on a: 50.0 s",
        "Chunk 3 on a: 30.0 s",
        "Chunk 2 on a: 50.0 s, tried 2 times",
        "Chunk 0 on b: 1 min 40 s",
    ]
    first, beside, second, other = drawing.lengths("y")
    assert first == second < beside < other
    assert [rect.attrib.get("class") for rect in drawing.rects] == [None, None, "again", None]
    widths = [width + 1 for width in drawing.lengths("width")]
    assert widths == pytest.approx([widths[3] * share for share in (0.5, 0.3, 0.5, 1)], abs=0.05)
    assert [word for word in drawing.words if word in {"a", "b"}] == ["a", "b"]
    assert "seconds since the first chunk's start" in drawing.words


@given(st.lists(st.tuples(st.floats(0, 1e4), st.floats(0.1, 1e4), st.sampled_from("abc")), max_size=60), st.booleans())
def test_no_chunk_lies_on_another(times, named):
    spans = [ChunkSpan(chunk(n, host=host), start, start + seconds) for n, (start, seconds, host) in enumerate(times)]
    spans.sort(key=lambda span: (span.chunk.host if named else "", span.start))
    owners, places = lanes(spans, named)
    for lane, owner in enumerate(owners):
        inside = [span for span, place in zip(spans, places, strict=True) if place == lane]
        assert inside
        assert all(before.end <= after.start + PAUSE for before, after in pairwise(inside))
        assert not named or {span.chunk.host for span in inside} == {owner}


def test_three_hundred_chunks_on_forty_nodes():
    runs = [chunk(n, n // 40 * 60 + n % 40, 50 + n % 7, f"node-{n % 40:02d}") for n in range(300)]
    drawing = Drawing(charts.timeline(runs))
    assert len(drawing.rects) == 300
    assert not [word for word in drawing.words if "node" in word], "too many to name"
    assert "299" not in drawing.words, "too many to number"
    assert any("node-39" in hint for hint in drawing.hints()), "the tooltip tells"
    assert drawing.height < drawing.width
    assert max(drawing.lengths("y")) + 12 < drawing.height
    assert_readable(drawing)


@pytest.mark.parametrize(("nodes", "named"), [(12, True), (13, False)])
def test_at_most_twelve_nodes_are_named(nodes, named):
    host = "ip-10-0-0-{}.eu-central-1.compute.internal"
    drawing = Drawing(charts.timeline([chunk(n, 0, 60, host.format(n)) for n in range(nodes)]))
    assert len([word for word in drawing.words if word.startswith("ip-10-0-0-")]) == (nodes if named else 0)
    assert_readable(drawing)


@pytest.mark.parametrize(("count", "numbered"), [(48, True), (49, False)])
def test_at_most_forty_eight_chunks_are_numbered(count, numbered):
    drawing = Drawing(charts.timeline([chunk(100 + n, n // 4 * 60, 60, f"node {n % 4}") for n in range(count)]))
    assert ("147" in drawing.words) == numbered


def test_a_number_without_room_is_left_out():
    drawing = Drawing(charts.timeline([chunk(7, 0, 10_000), chunk(8, 10_000, 1)]))
    assert "7" in [text.text for text in drawing.root.findall("text[@class='number']")]
    assert "8" not in [text.text for text in drawing.root.findall("text[@class='number']")]
    assert min(drawing.lengths("width")) >= 1, "it can still be seen"


def test_what_has_no_time_is_left_to_the_table():
    assert len(Drawing(charts.timeline([chunk(0), chunk(1, None, None), chunk(2, 0, None)])).rects) == 1


def test_a_hostile_node_is_only_text():
    svg = charts.timeline([chunk(0, host=EVIL)])
    assert "<script" not in svg
    assert Drawing(svg).hints() == [f"Chunk 0 on {EVIL}: 1 min 0 s"]


# All of them


def test_nothing_to_draw_is_false():
    nothing = Comparison({}, {}, 0)
    assert not charts.score_histogram([], 0.3)
    assert not charts.score_histogram([0] * 20, 0.3)
    assert not charts.class_shares(nothing, {})
    assert not charts.shares("boxes", nothing)
    assert not charts.timeline([])
    assert not charts.timeline([chunk(0, None, None)])


EVERY = [
    charts.score_histogram([1] * 20, 0.3),
    charts.class_shares(Comparison({1: 1}, {1: 1}, 1), {}),
    charts.shares("score", Comparison({1: 1}, {1: 1}, 1)),
    charts.timeline([chunk(0, attempts=2)]),
]


@pytest.mark.parametrize("svg", EVERY)
def test_a_chart_is_an_image_with_a_name_that_can_stand_anywhere_on_the_page(svg):
    root = Drawing(svg).root
    assert (root.tag, root.attrib["role"]) == ("svg", "img")
    assert root.attrib["aria-label"] == root[0].text
    assert root[0].tag == "title"
    assert not {"id", "style", "href", "width", "height", "fill", "stroke"} & {
        name for element in root.iter() if element.tag != "rect" for name in element.attrib
    }
    assert not [name for element in root.iter() for name in element.attrib if name.startswith("on")]


def test_there_is_room_for_the_sizes_of_text_in_the_style_sheet():
    css = asset("firstpass.report", "report.css").decode()
    assert {float(size) for size in re.findall(r"\.chart text \{ font-size: ([\d.]+)px", css)} == {12, LARGE}


def test_every_class_of_a_chart_has_a_style_in_the_pages_own_colours():
    css = asset("firstpass.report", "report.css").decode()
    for name in {name for svg in EVERY for name in re.findall(r'class="([^"]+)"', svg)}:
        assert re.search(rf"\.chart [a-z]*\.{name}\b|\.{name} \{{", css), name
    rules = [line for line in css.splitlines() if line.startswith(".chart")]
    assert not re.search(r"#[0-9a-f]{3}|rgb|hsl", "".join(rules))


def test_drawing_takes_no_plotting_library():
    code = "import sys; from firstpass.report import charts; charts.score_histogram([1] * 20, 0.3); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"matplotlib", "numpy.ma", "PIL.ImageFont"} & set(done.stdout.split())

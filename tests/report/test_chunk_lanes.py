"""Chunks that ran side by side lie in lanes of their own, each node's lanes together."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from math import inf, nextafter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstpass.report.axes import Tick
from firstpass.report.chunk_lanes import NODES, NUMBERED, PAUSE, ChunkSpan, lane_chart, lanes
from firstpass.report.chunk_runs import ChunkRun

TIMES = st.lists(st.tuples(st.floats(0, 1e5), st.floats(0.01, 1e5), st.sampled_from("abc")), min_size=1, max_size=80)


def chunk(
    index: int, start: float | None = 0, seconds: float | None = 60, host: str = "node", attempts: int = 1
) -> ChunkRun:
    return ChunkRun(index, "merged", 100, host, start, seconds, attempts, 0, 1.0, None)


def spans(*times: tuple[float, float], host: str = "node") -> list[ChunkSpan]:
    return [ChunkSpan(chunk(n, host=host), start, end) for n, (start, end) in enumerate(times)]


def most_at_once(times: list[tuple[float, float]]) -> int:
    """How many of these spans ran at one time."""
    return max(sum(begin <= start < end for begin, end in times) for start, _ in times)


class TestLanes:
    """A chunk takes the first lane of its node that is free when it starts."""

    def test_no_chunk_takes_no_lane(self):
        assert lanes([], True) == ([], [])

    def test_one_after_the_other_shares_a_lane(self):
        assert lanes(spans((0, 10), (10, 20), (25, 30)), False) == ([""], [0, 0, 0])

    def test_side_by_side_has_lanes_of_its_own(self):
        assert lanes(spans((0, 10), (1, 9), (2, 8)), False) == ([""] * 3, [0, 1, 2])

    def test_the_first_free_lane_is_taken_and_not_the_one_that_was_free_first(self):
        assert lanes(spans((0, 10), (1, 5), (11, 12)), False)[1] == [0, 1, 0]
        assert lanes(spans((0, 10), (1, 5), (6, 12), (10, 11)), False)[1] == [0, 1, 1, 0]

    def test_a_lane_is_taken_until_its_last_chunk_ends(self):
        assert lanes(spans((0, 10), (10, 20), (11, 12), (12, 13)), False)[1] == [0, 0, 1, 1]

    def test_clocks_may_differ_by_a_twentieth_of_a_second(self):
        assert PAUSE == 0.05
        border = 7 + PAUSE
        assert lanes(spans((0, border), (7, 9)), False)[1] == [0, 0]
        assert lanes(spans((0, nextafter(border, inf)), (7, 9)), False)[1] == [0, 1]

    def test_another_nodes_lane_is_never_taken(self):
        given = [*spans((0, 1), host="a"), *spans((5, 6), (5, 7), host="b"), *spans((9, 10), host="c")]
        assert lanes(given, True) == (["a", "b", "b", "c"], [0, 1, 2, 3])
        assert lanes(given, False) == (["", ""], [0, 0, 1, 0])

    @given(TIMES, st.booleans())
    def test_there_are_no_more_lanes_than_ran_at_once(self, times, named):
        """Every chunk has one lane, and every lane a chunk; spans rarely meet within a pause."""
        found = [ChunkSpan(chunk(n, host=host), start, start + length) for n, (start, length, host) in enumerate(times)]
        found.sort(key=lambda span: (span.chunk.host if named else "", span.start))
        owners, places = lanes(found, named)
        assert len(places) == len(found)
        assert set(places) == set(range(len(owners)))
        together: dict[str, list[tuple[float, float]]] = defaultdict(list)
        for span in found:
            together[span.chunk.host if named else ""].append((span.start, span.end))
        for owner, times_of_owner in together.items():
            assert owners.count(owner) <= most_at_once(times_of_owner)


class TestLaneChart:
    """The drawing: rectangles, nodes, borders and ticks."""

    def test_nothing_with_a_time_is_no_chart(self):
        for chunks in ([], [chunk(0, None)], [chunk(0, 0, None)], [chunk(0, 0, 0)], [chunk(0, None, None)]):
            assert lane_chart(chunks) is None

    def test_a_night_on_two_nodes_to_the_hundredth(self):
        chart = lane_chart([chunk(3, 50, 50, "WW"), chunk(1, 0, 40, "i", 2), chunk(2, 10, 20, "i")])
        assert chart is not None
        assert (chart.plot.left, chart.plot.top, chart.plot.right, chart.plot.bottom) == (38, 0, 937, 69)
        assert (chart.width, chart.height) == (960, 69 + 8 + 2 * 18.75)
        places = [(drawn.x, drawn.y, drawn.width, drawn.height, drawn.number, drawn.again) for drawn in chart.chunks]
        assert places == [
            (487.5, 2.3, 448.5, 18.4, "3", False),
            (38, 25.3, 358.6, 18.4, "1", True),
            (127.9, 48.3, 178.8, 18.4, "2", False),
        ]
        assert chart.nodes == (Tick(11.5, "WW"), Tick(34.5, "i"))
        assert chart.borders == (23,)
        assert chart.unit == "seconds"
        assert (chart.ticks[0], chart.ticks[-1]) == (Tick(38, "0"), Tick(937, "100"))

    def test_the_tooltip_tells_what_the_rectangle_cannot(self):
        chart = lane_chart(
            [chunk(7, 0, 0.25, "a"), chunk(8, 1, 100, "a", attempts=3), chunk(9, 1, 60, "b", attempts=2)]
        )
        assert [drawn.words for drawn in chart.chunks] == [
            "Chunk 7 on a: 250 ms",
            "Chunk 8 on a: 1 min 40 s, tried 3 times",
            "Chunk 9 on b: 1 min 0 s, tried 2 times",
        ]

    def test_the_last_to_end_reaches_the_end_of_the_axis(self):
        chart = lane_chart([chunk(0, 0, 1000, "a"), chunk(1, 900, 50, "a")])
        assert chart.chunks[0].x + chart.chunks[0].width + 1 == 937
        assert chart.unit == "minutes"

    def test_a_chunk_is_at_least_one_unit_wide(self):
        chart = lane_chart([chunk(0, 0, 0.001), chunk(1, 10, 1e6)])
        assert [drawn.width for drawn in chart.chunks] == [1, pytest.approx(chart.plot.right - chart.chunks[1].x - 1)]

    def test_nodes_come_in_alphabetical_order_and_their_chunks_by_start(self):
        chart = lane_chart([chunk(0, 9, 1, "b"), chunk(1, 0, 9, "b"), chunk(2, 5, 5, "a"), chunk(3, 0, 1, "a")])
        assert [drawn.words.split()[1] for drawn in chart.chunks] == ["3", "2", "1", "0"]

    def test_chunks_that_start_at_once_stay_in_their_order(self):
        chart = lane_chart([chunk(index, 0, 10 + index) for index in (4, 2, 3)])
        assert [drawn.number for drawn in chart.chunks] == ["4", "2", "3"]
        assert [drawn.y for drawn in chart.chunks] == [2.3, 25.3, 48.3]

    def test_a_node_is_named_once_at_its_first_lane(self):
        chart = lane_chart([chunk(n, 0, 10, host) for n, host in enumerate("aabccc")])
        assert chart.nodes == (Tick(11.5, "a"), Tick(23 * 2.5, "b"), Tick(23 * 3.5, "c"))
        assert chart.borders == (23 * 2, 23 * 3)

    def test_a_long_name_is_shortened_inside_of_seventeen_em(self):
        assert lane_chart([chunk(0, host="W" * 17)]).nodes[0].label == "W" * 17
        chart = lane_chart([chunk(0, host="W" * 9 + "M" * 9)])
        assert chart.nodes[0].label == "W" * 8 + "…" + "M" * 8
        assert chart.plot.left == 8 + 17 * 15

    def test_nodes_that_are_too_many_are_not_named_and_share_lanes(self):
        named = lane_chart([chunk(n, n * 60, 60, f"node {n}") for n in range(NODES)])
        shared = lane_chart([chunk(n, n * 60, 60, f"node {n}") for n in range(NODES + 1)])
        assert (len(named.nodes), len(named.borders), named.plot.bottom) == (12, 11, 12 * 23)
        assert (shared.nodes, shared.borders, shared.plot.left, shared.plot.bottom) == ((), (), 8, 23)
        assert [drawn.words.split(" on ")[1] for drawn in shared.chunks[-1:]] == ["node 12: 1 min 0 s"]

    def test_without_names_all_chunks_come_by_start(self):
        hosts = [f"node {n:02}" for n in range(NODES + 1)]
        chart = lane_chart([chunk(n, 100 - n, 1, host) for n, host in enumerate(hosts)])
        assert [int(drawn.words.split()[1]) for drawn in chart.chunks] == list(reversed(range(NODES + 1)))

    @pytest.mark.parametrize(
        ("nodes", "chunks", "pitch"),
        [(1, NUMBERED, 23), (1, NUMBERED + 1, 23), (13, NUMBERED, 23), (13, NUMBERED + 1, 12)],
    )
    def test_lanes_are_thin_where_nothing_is_written_in_or_beside_them(self, nodes, chunks, pitch):
        chart = lane_chart([chunk(n, 0, 60, f"node {n % nodes:02}") for n in range(chunks)])
        assert chart.plot.bottom == pitch * chunks
        assert (chart.chunks[0].y, chart.chunks[0].height) == (round(0.1 * pitch, 2), round(0.8 * pitch, 2))
        assert {bool(drawn.number) for drawn in chart.chunks} == {chunks <= NUMBERED}

    def test_a_number_is_written_where_it_just_has_room(self):
        """A digit takes 9.75 units, and a chunk is one unit narrower than its time; 929 units are 929 seconds."""
        whole = chunk(0, 0, 899, "WW")
        for seconds, number in ((10.75, "7"), (10.74, ""), (20.5, "7"), (20.49, "7")):
            chart = lane_chart([whole, chunk(7, 0, seconds, "WW")])
            assert (chart.chunks[1].width, chart.chunks[1].number) == (round(seconds - 1, 2), number)
        assert [lane_chart([whole, chunk(77, 0, s, "WW")]).chunks[1].number for s in (20.5, 20.49)] == ["77", ""]

    @given(TIMES)
    def test_every_chunk_is_drawn_once_and_inside_of_the_plot(self, times):
        chart = lane_chart([chunk(n, start, length, host) for n, (start, length, host) in enumerate(times)])
        assert sorted(int(drawn.words.split()[1]) for drawn in chart.chunks) == list(range(len(times)))
        for drawn in chart.chunks:
            assert chart.plot.left <= drawn.x <= chart.plot.right
            assert 1 <= drawn.width <= max(1, chart.plot.right - drawn.x)
            assert 0 < drawn.y < drawn.y + drawn.height < chart.plot.bottom
        assert len(chart.borders) == len(chart.nodes) - 1 == len({host for *_, host in times}) - 1

    def test_no_rectangle_covers_another_for_a_night_of_a_hundred_chunks(self):
        chance = Random(1)
        runs = [chunk(n, chance.uniform(0, 3600), chance.uniform(20, 600), f"node {n % 5}") for n in range(100)]
        by_lane = defaultdict(list)
        for drawn in lane_chart(runs).chunks:
            by_lane[drawn.y].append((drawn.x, drawn.x + drawn.width))
        for taken in by_lane.values():
            assert all(end < start for (_, end), (start, _) in pairwise(taken))
        assert sum(map(len, by_lane.values())) == 100

"""How each chunk went, from its done-marker and from what the warehouse knows beside it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from firstpass.report.chunk_runs import ChunkRun, chunk_runs
from fixtures.made_up_runs import query

NIGHT = datetime(2026, 2, 1, 2, tzinfo=UTC)


def run(images: int = 100, seconds: float | None = 50.0, resumed: int = 0) -> ChunkRun:
    return ChunkRun(0, "merged", images, "node", 0.0, seconds, 1, resumed, 0.0, None)


def marker(ended: float, **other: Any) -> dict[str, Any]:
    """The marker of a chunk that ended so many seconds into the night."""
    return {"ended_at": (NIGHT + timedelta(seconds=ended)).isoformat()} | other


@pytest.fixture
def told(warehouse, night):
    """`told(…)`: the runs of chunks with these (index, state, images, seconds, marker, reason)."""
    night()

    def tell(*chunks: tuple) -> list[ChunkRun]:
        for index, state, images, seconds, written, reason in chunks:
            query(
                warehouse,
                "INSERT INTO chunks (run_id, chunk, state, images, seconds, marker, reason)"
                " VALUES ('a run', %s, %s, %s, %s, %s, %s)",
                *(index, state, images, seconds, None if written is None else json.dumps(written), reason),
            )
        return chunk_runs(warehouse, "a run")

    return tell


class TestRates:
    """Figures of one chunk."""

    def test_hours_of_a_machine(self):
        assert [run(seconds=seconds).hours for seconds in (3600, 900, 0, None)] == [1, 0.25, 0, 0]

    def test_images_that_an_earlier_attempt_finished_are_not_this_ones_doing(self):
        assert run(100, 50).images_per_second == 2
        assert run(100, 50, resumed=90).images_per_second == 0.2
        assert run(100, 50, resumed=100).images_per_second == 0

    @pytest.mark.parametrize("seconds", [0, None])
    def test_without_a_time_there_is_no_rate(self, seconds):
        assert run(seconds=seconds).images_per_second is None


class TestChunkRuns:
    """A run's chunks as the warehouse has them."""

    def test_a_run_without_chunks_has_none(self, told):
        assert told() == []

    def test_all_that_a_marker_tells(self, told):
        whole = marker(100, host="gpu-7", attempt=3, resumed=40, fetch_seconds=2.5)
        assert told((0, "merged", 50, 60, whole, None)) == [
            ChunkRun(0, "merged", 50, "gpu-7", 0.0, 60.0, 3, 40, 2.5, None)
        ]

    def test_a_marker_that_tells_nothing_is_one_attempt_on_a_node_without_a_name(self, told):
        nothing = ChunkRun(0, "merged", 50, "–", None, 60.0, 1, 0, 0.0, None)
        assert told((0, "merged", 50, 60, {}, None)) == [nothing]

    def test_empty_fields_of_a_marker_are_the_same_as_none(self, told):
        empty = {"host": "", "attempt": None, "resumed": None, "fetch_seconds": None, "ended_at": None}
        assert told((0, "merged", 50, 60, empty, None)) == [ChunkRun(0, "merged", 50, "–", None, 60.0, 1, 0, 0.0, None)]

    def test_a_chunk_that_failed_or_never_came_has_a_reason_and_no_time(self, told):
        assert told((0, "failed", 9, None, None, "the node died"), (1, "planned", None, None, None, None)) == [
            ChunkRun(0, "failed", 9, "–", None, None, 1, 0, 0.0, "the node died"),
            ChunkRun(1, "planned", 0, "–", None, None, 1, 0, 0.0, None),
        ]

    def test_time_counts_from_the_start_of_the_first_chunk(self, told):
        """Started 40, 10 and 30 seconds into the night."""
        found = told(
            (0, "merged", 1, 60, marker(100), None),
            (1, "merged", 1, 40, marker(50), None),
            (2, "merged", 1, 5.5, marker(35.5), None),
        )
        assert [each.start for each in found] == [30, 0, 20]

    def test_a_chunk_without_seconds_started_when_it_ended(self, told):
        found = told((0, "merged", 1, None, marker(100), None), (1, "merged", 1, 30, marker(90), None))
        assert [(each.start, each.seconds) for each in found] == [(40, None), (0, 30)]

    def test_chunks_without_a_time_do_not_move_the_others(self, told):
        found = told(
            (0, "planned", None, None, None, None),
            (1, "merged", 1, 10, {"host": "a"}, None),
            (2, "merged", 1, 10, marker(20), None),
            (3, "merged", 1, 10, marker(25), None),
        )
        assert [each.start for each in found] == [None, None, 0, 5]

    def test_markers_of_different_time_zones_are_compared_by_the_time(self, told):
        east = {"ended_at": "2026-02-01T03:00:30+01:00"}
        found = told((0, "merged", 1, 10, east, None), (1, "merged", 1, 10, marker(20), None))
        assert [each.start for each in found] == [10, 0]

    def test_chunks_of_other_runs_are_not_among_them(self, told, warehouse, night):
        night("other")
        query(warehouse, "INSERT INTO chunks (run_id, chunk, state) VALUES ('other', 0, 'planned')")
        assert [each.index for each in told((4, "planned", 1, None, None, None))] == [4]

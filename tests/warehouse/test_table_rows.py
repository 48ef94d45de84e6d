"""A result's rows as three tables want them: what an image is, what became of it, and what was predicted."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from firstpass.contracts.chunk_manifest import Chunk
from firstpass.contracts.chunk_result import RESULT
from firstpass.contracts.run_spec import RunSpec
from firstpass.contracts.thresholds import Thresholds
from firstpass.warehouse import table_rows
from fixtures.made_up_runs import VERSION, query, row, unreadable

LIMITS = Thresholds(0.3, {2: 0.86})
SPEC = RunSpec(
    "a run", "/photos", VERSION.ref, "/m", LIMITS, 0.15, 2, False, "local", "2026-02-01T03:30:00.000007+01:00"
)


def batch(*rows: dict) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(list(rows), RESULT)


@pytest.fixture
def written(warehouse):
    """Sends the rows of one of the tables and gives back what the query finds then."""

    def write(made, select: str) -> list[tuple]:
        with warehouse, warehouse.cursor() as cur:
            made.into(cur)
        return query(warehouse, select)

    return write


class TestOutcomes:
    """A row an image."""

    def write(self, written, rows: pa.RecordBatch, chunk: int, select: str) -> list[tuple]:
        rows = table_rows.with_drafts(rows, LIMITS)
        made = table_rows.outcomes(SPEC, rows, table_rows.fields(rows), chunk)
        return written(made, f"SELECT {select} FROM outcomes ORDER BY uri")

    def test_of_a_result_know_what_the_network_found(self, written):
        rows = batch(
            row("a", detections=3, task=5, frame=6),
            row("b", "empty", 0),
            unreadable("c", "torn"),
            row("d", "missing", 0, sha256=None, brightness=None),
        )
        columns = "run_id, chunk, uri, outcome, detections, drafts, width, height, brightness, task, frame, reason"
        assert self.write(written, rows, 7, columns) == [
            ("a run", 7, "a", "ok", 3, 2, 640, 480, 96.5, 5, 6, None),
            ("a run", 7, "b", "empty", 0, 0, 640, 480, 96.5, None, None, None),
            ("a run", 7, "c", "unreadable", 0, 0, None, None, None, None, None, "torn"),
            ("a run", 7, "d", "missing", 0, 0, 640, 480, None, None, None, None),
        ]


class TestDrafts:
    """Inference knows the floor alone: what reaches the thresholds is counted when a result is merged."""

    def counted(self, *rows: dict) -> list[tuple]:
        made = table_rows.with_drafts(batch(*rows), LIMITS)
        return list(zip(made["outcome"].to_pylist(), made["drafts"].to_pylist(), strict=True))

    def test_are_the_detections_that_reach_the_threshold_of_their_class(self):
        """Class 2 has its own; 0.3 stored as float32 reaches 0.3."""
        found = [0.9, 0.86, 0.85, 0.31, 0.3, 0.29999]
        assert self.counted(row("a", detections=6, class_ids=[1, 2, 2, 5, 1, 1], scores=found)) == [("ok", 4)]

    def test_an_image_without_any_is_empty_and_others_keep_what_became_of_them(self):
        rows = [
            row("a", detections=1, scores=[0.2]),
            row("b", "empty", 0),
            unreadable("c"),
            row("d", detections=2),
            row("e", detections=1, scores=[float("nan")]),
        ]
        assert self.counted(*rows) == [("empty", 0), ("empty", 0), ("unreadable", 0), ("ok", 1), ("empty", 0)]

    def test_of_no_images_there_are_none(self):
        assert self.counted() == []


class TestImages:
    """Where each image was seen, and which prediction is its current draft."""

    def write(self, written, *rows: dict) -> list[tuple]:
        made = table_rows.images(SPEC, batch(*rows), table_rows.fields(batch(*rows)))
        return written(made, "SELECT uri, sha256, model FROM images ORDER BY uri")

    def test_have_the_run_s_model(self, written):
        made = row("a", task=5, frame=6)
        assert self.write(written, made, row("b", "empty", 0)) == [
            (name, row(name)["sha256"], VERSION.ref) for name in "ab"
        ]

    def test_that_cannot_be_read_have_no_model(self, written):
        torn, sound = self.write(written, unreadable("a"), row("b"))
        assert torn == ("a", unreadable("a")["sha256"], None)
        assert sound == ("b", row("b")["sha256"], VERSION.ref)

    def test_that_are_missing_are_left_as_they_were_seen(self, written):
        assert [each[0] for each in self.write(written, row("a"), row("b", "missing", 0), unreadable("c"))] == [
            "a",
            "c",
        ]

    def test_were_seen_when_the_run_began(self, written, warehouse):
        self.write(written, row("a", task=5, frame=6, size=2**40))
        assert query(warehouse, "SELECT seen_at, run_id, etag, size, width, height, task, frame FROM images") == [
            (datetime(2026, 2, 1, 2, 30, 0, 7, UTC), "a run", "etag of a", 2**40, 640, 480, 5, 6)
        ]

    def test_may_have_been_seen_before_the_year_2000(self, written, warehouse):
        rows = batch(row("a"))
        old = replace(SPEC, started_at="1999-12-31T23:59:59.5+00:00")
        made = table_rows.images(old, rows, table_rows.fields(rows))
        assert written(made, "SELECT seen_at FROM images") == [(datetime(1999, 12, 31, 23, 59, 59, 500_000, UTC),)]


class TestPredictions:
    """A row for each content that was inferred, however many names it has."""

    def inferred(self, *rows: dict) -> list[str]:
        return table_rows.inferred_rows(batch(*rows))["uri"].to_pylist()

    def test_are_of_what_the_network_saw(self):
        rows = [row("a"), row("b", "empty", 0), unreadable("c"), row("d", "missing", 0, sha256=None)]
        assert self.inferred(*rows) == ["a", "b"]
        assert self.inferred(*rows[2:]) == []

    def test_are_one_for_each_content_under_its_first_name(self):
        twice = [row(name, sha256=content) for name, content in zip("fdabec", "yxxzyx", strict=True)]
        assert self.inferred(*twice) == ["f", "d", "b"]
        assert self.inferred(*twice[:2]) == ["f", "d"]

    def test_keep_their_arrays_in_order(self, written):
        rows = batch(
            row("a", detections=2, polygons=[[[[1, 2, 3, 4, 5, 6], [2, 2, 3, 3, 2, 3]]], []]),
            row("b", "empty", 0, orientation=6),
        )
        chunk = Chunk("planned by", 7, VERSION.ref, "/m", 0.15, 2, 8, "/out", ())
        made = table_rows.predictions(chunk, "a run", table_rows.inferred_rows(rows))
        columns = "run_id, chunk, model, floor, revision, orientation, class_ids, scores, x1, y1, x2, y2, polygons"
        same = ("a run", 7, VERSION.ref, 0.15, 2)
        assert written(made, f"SELECT {columns} FROM predictions ORDER BY cardinality(scores)") == [
            (*same, 6, [], [], [], [], [], [], None),
            (*same, 1, [1, 2], [0.875, 0.859375], [10.5, 11.5], [20.25, 21.25], [110.5, 111.5], [220.25, 221.25],
             [[[[1, 2, 3, 4, 5, 6], [2, 2, 3, 3, 2, 3]]], []]),
        ]  # fmt: skip

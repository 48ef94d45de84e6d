"""Views of the warehouse as Arrow tables: their columns and types, their order, and that no row is lost."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from psycopg2.extensions import TRANSACTION_STATUS_IDLE

from firstpass.contracts.thresholds import Thresholds
from firstpass.contracts.verdict import CheckResult, CheckState, QualityVerdict
from firstpass.errors import FirstpassError
from firstpass.warehouse.arrow_tables import detections_table, drafts_table, runs_table
from firstpass.warehouse.catalogue_merge import merge_catalogue
from firstpass.warehouse.merge import merge_chunk
from firstpass.warehouse.runs import finish_run
from firstpass.warehouse.verdicts import store_verdict
from fixtures.made_up_runs import VERSION, catalogue, query, row, unreadable

RUNS = pa.schema(
    [
        ("run_id", pa.string()),
        ("started_at", pa.timestamp("us", "UTC")),
        ("finished_at", pa.timestamp("us", "UTC")),
        ("model", pa.string()),
        ("images_uri", pa.string()),
        ("state", pa.string()),
        ("failed_in", pa.string()),
        ("problem", pa.string()),
        ("verdict", pa.string()),
        ("images", pa.int64()),
        ("drafts", pa.int64()),
        ("drift", pa.float64()),
    ]
)
DRAFTS = pa.schema(
    [
        ("uri", pa.string()),
        *((name, pa.int32()) for name in ("width", "height", "task", "frame")),
        ("model", pa.string()),
        ("class_id", pa.int32()),
        ("class", pa.string()),
        *((name, pa.float32()) for name in ("score", "x1", "y1", "x2", "y2")),
        ("polygons", pa.string()),
    ]
)
SCHEMAS = {drafts_table: DRAFTS, detections_table: DRAFTS.append(pa.field("shown", pa.bool_()))}
BOTH = pytest.mark.parametrize("table", [drafts_table, detections_table])


@pytest.fixture
def merged(warehouse, night):
    """`merged("name", row, …)`: a run with these rows in one chunk."""

    def merge(run_id: str, *rows: dict, **other):
        run = night(run_id, **other)
        merge_chunk(warehouse, run.spec, run.chunk(0, list(rows)))
        return run.spec

    return merge


def uris(table: pa.Table) -> list[str]:
    return [uri.removeprefix("file:///") for uri in table["uri"].to_pylist()]


class TestRuns:
    """Every run with its verdict."""

    def test_no_run_is_a_table_with_its_columns(self, warehouse):
        found = runs_table(warehouse)
        assert (found.schema, found.num_rows) == (RUNS, 0)

    def test_a_run_that_was_checked_beside_one_that_is_open(self, warehouse, merged, night):
        merged("checked", row("file:///a", detections=3), row("file:///b", "empty", 0), images="/old")
        finish_run(warehouse, "checked", "partial")
        drifted = CheckResult("drift", "class_drift", "warning", CheckState.FAILS, "0.5", 0.5, "s")
        store_verdict(warehouse, QualityVerdict("checked", (drifted,)))
        night("open")
        found = runs_table(warehouse)
        assert found.schema == RUNS
        opened, checked = found.to_pylist()
        assert opened == {
            "run_id": "open",
            "started_at": datetime(2026, 2, 2, 2, tzinfo=UTC),
            "finished_at": None,
            "model": VERSION.ref,
            "images_uri": "/photos",
            "state": "running",
            "failed_in": None,
            "problem": None,
            "verdict": None,
            "images": None,
            "drafts": None,
            "drift": None,
        }
        assert checked.pop("finished_at") > datetime(2026, 2, 1, tzinfo=UTC)
        assert checked == {
            "run_id": "checked",
            "started_at": datetime(2026, 2, 1, 2, tzinfo=UTC),
            "model": VERSION.ref,
            "images_uri": "/old",
            "state": "partial",
            "failed_in": None,
            "problem": None,
            "verdict": "warnings",
            "images": 2,
            "drafts": 3,
            "drift": 0.5,
        }

    def test_the_newest_comes_first_and_of_one_moment_the_first_id(self, warehouse, night):
        night("old")
        for name in ("c", "a", "b"):
            night(name, started_at="2026-02-05T02:00:00.000001+00:00")
        night("newest", started_at="2026-02-05T02:00:00.000002+00:00")
        assert runs_table(warehouse)["run_id"].to_pylist() == ["newest", "a", "b", "c", "old"]

    @pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/St_Johns"])
    def test_a_time_is_the_same_wherever_the_session_lives(self, warehouse, night, zone):
        query(warehouse, f"SET TIME ZONE '{zone}'")
        night("a run", started_at="2026-02-01T23:30:00.123456+00:00")
        assert runs_table(warehouse)["started_at"].to_pylist() == [datetime(2026, 2, 1, 23, 30, 0, 123456, UTC)]


class TestDetections:
    """One row per detection, of a run or of every image."""

    @BOTH
    @pytest.mark.parametrize("run_id", ["a run", "latest", None])
    def test_none_is_a_table_with_its_columns(self, warehouse, merged, table, run_id):
        merged("a run", row("file:///a", "empty", 0), unreadable("file:///b"))
        found = table(warehouse, run_id)
        assert (found.schema, found.num_rows) == (SCHEMAS[table], 0)

    @BOTH
    @pytest.mark.parametrize("run_id", ["a run", None])
    def test_all_that_a_detection_is(self, warehouse, merged, table, run_id):
        outline = [[[1, 2, 3, 4, 5, 6.5], [2, 2, 3, 3, 2, 3]]]
        merged("a run", row("cvat:task/3#7", detections=2, task=3, frame=7, polygons=[outline, []]))
        found = table(warehouse, run_id)
        assert found.schema == SCHEMAS[table]
        first, second = found.to_pylist()
        assert json.loads(first.pop("polygons")) == outline
        assert first.pop("shown", True)
        assert first == {
            "uri": "cvat:task/3#7",
            "width": 640,
            "height": 480,
            "task": 3,
            "frame": 7,
            "model": VERSION.ref,
            "class_id": 1,
            "class": "cat",
            "score": 0.875,
            "x1": 10.5,
            "y1": 20.25,
            "x2": 110.5,
            "y2": 220.25,
        }
        assert (second["class_id"], second["class"], second["score"]) == (2, "größe <b>", 0.859375)
        assert json.loads(second["polygons"]) == []

    @BOTH
    @pytest.mark.parametrize("run_id", ["a run", None])
    def test_images_come_by_their_bytes_and_detections_by_their_number(self, warehouse, merged, table, run_id):
        names = ["b", "ä", "a/2", "a/10", "B", "a", "z"]
        numbers = [float(n) for n in range(50)]
        sides = dict.fromkeys(("x1", "y1", "x2", "y2"), numbers)
        merged("a run", *(row(f"file:///{name}", detections=50, scores=[0.9] * 50, **sides) for name in names))
        for plan in ("indexscan", "bitmapscan", "nestloop", "mergejoin"):  # which may give them in order anyhow
            query(warehouse, f"SET enable_{plan} = off")
        found = table(warehouse, run_id)
        assert uris(found) == [name for name in sorted(names, key=str.encode) for _ in numbers]
        assert found["x1"].to_pylist() == numbers * 7

    @BOTH
    def test_of_a_run_are_those_of_the_run_alone(self, warehouse, merged, table):
        merged("first", row("file:///a"), row("file:///b"))
        merged("second", row("file:///b", detections=2), row("file:///c"), thresholds=Thresholds(0.4))
        assert uris(table(warehouse, "first")) == ["a", "b", "b"], "a content has one prediction"
        assert uris(table(warehouse, "second")) == ["b", "b", "c"]
        assert table(warehouse, "latest").equals(table(warehouse, "second"))

    @BOTH
    def test_the_current_ones_are_those_of_the_newest_run_that_saw_an_image(self, warehouse, merged, table):
        merged("first", row("file:///a"), row("file:///b"))
        merged("second", row("file:///b", detections=2), row("file:///c"), thresholds=Thresholds(0.4))
        assert uris(table(warehouse, None)) == ["a", "b", "b", "c"]

    @BOTH
    def test_what_a_run_knew_already_is_its_own_too(self, warehouse, merged, table, night):
        merged("first", row("file:///a", detections=2))
        later = night("later")
        merge_catalogue(warehouse, later.spec, catalogue([row("file:///a", "known", 2)]))
        assert uris(table(warehouse, "later")) == ["a", "a"]

    @BOTH
    def test_sides_that_are_no_number_are_kept(self, warehouse, merged, table):
        merged("a run", row("file:///a", detections=2, x1=[-math.inf, 1], x2=[math.inf, 3e38]))
        found = table(warehouse, "a run")
        assert found["x1"].to_pylist() == [-math.inf, 1]
        assert found["x2"].to_pylist() == [math.inf, pytest.approx(3e38)]

    def test_what_does_not_reach_the_threshold_or_has_no_score_is_no_draft(self, warehouse, merged):
        merged("a run", row("file:///a", detections=4, scores=[math.nan, 0.5, 0.3, 0.29]))
        for run_id in ("a run", None):
            assert drafts_table(warehouse, run_id)["score"].to_pylist() == pytest.approx([0.5, 0.3])
            found = detections_table(warehouse, run_id)
            assert math.isnan(found["score"].to_pylist()[0])
            assert found["shown"].to_pylist() == [False, True, True, False]

    @BOTH
    def test_a_class_that_the_model_does_not_name_has_no_name(self, warehouse, merged, table):
        merged("a run", row("file:///a", class_ids=[77]))
        found = table(warehouse, "a run")
        assert (found["class_id"].to_pylist(), found["class"].to_pylist()) == ([77], [None])

    @BOTH
    @pytest.mark.parametrize("count", [20_000, 20_001, 40_000, 50_003])
    def test_no_row_is_lost_or_comes_twice_where_there_are_many(self, warehouse, merged, table, count):
        sides = {side: [float(n) for n in range(count)] for side in ("x1", "y1", "x2", "y2")}
        merged("a run", row("file:///a", detections=count, scores=[0.5] * count, **sides))
        found = table(warehouse, "a run")
        assert found.num_rows == count
        assert found["x1"].to_pylist() == sides["x1"]

    @BOTH
    def test_an_unknown_run_is_named(self, warehouse, table, night):
        night("a run")
        with pytest.raises(FirstpassError, match="there is no run 'another'") as error:
            table(warehouse, "another")
        assert "a run" in error.value.fix

    @BOTH
    def test_an_id_is_only_text(self, warehouse, table, night):
        night("a run")
        with pytest.raises(FirstpassError, match="there is no run"):
            table(warehouse, "' OR true --")

    @BOTH
    def test_there_is_no_latest_run_before_the_first(self, warehouse, table):
        with pytest.raises(FirstpassError, match="there is no run yet"):
            table(warehouse, "latest")


def test_the_connection_is_left_ready_for_the_next_question(warehouse, merged):
    """Outside of a transaction, and without the cursor's name being taken."""
    merged("a run", row("file:///a"))
    for _ in range(2):
        for table in (runs_table(warehouse), drafts_table(warehouse, None), detections_table(warehouse, "a run")):
            assert table.num_rows == 1
    assert warehouse.info.transaction_status == TRANSACTION_STATUS_IDLE

"""The warehouse as Arrow tables."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

import firstpass
from firstpass.contracts.thresholds import Thresholds
from firstpass.errors import FirstpassError
from firstpass.warehouse.merge import merge_chunk
from fixtures.made_up_runs import row, unreadable


@pytest.fixture
def reader(warehouse, night):
    """Two runs over the same image, the second with other thresholds and a second image with masks.

    Of a.jpg's detections the second run shows the first, class 1 with 0.875, and not the second, class 2 with 0.859.
    """
    first, second = night("first"), night("second", thresholds=Thresholds(0.4, {2: 0.86}))
    merge_chunk(
        warehouse, first.spec, first.chunk(0, [row("file:///a.jpg", detections=2), unreadable("file:///b.jpg")])
    )
    masks = row("file:///masks.jpg", detections=1, polygons=[[[[1, 2, 3, 4, 5, 6], [2, 3, 3, 4, 4, 3]]]])
    merge_chunk(warehouse, second.spec, second.chunk(0, [row("file:///a.jpg", detections=2), masks]))
    with firstpass.open_warehouse() as reader:
        yield reader


def test_runs_newest_first(reader):
    runs = reader.runs()
    assert isinstance(runs, pa.Table)
    assert runs["run_id"].to_pylist() == ["second", "first"]
    assert runs.schema.field("started_at").type == pa.timestamp("us", "UTC")
    assert {"model", "state", "verdict", "images", "drafts", "drift"} <= set(runs.column_names)


def test_drafts_and_detections_of_a_run(reader):
    drafts, detections = reader.drafts(run="second"), reader.detections(run="second")
    assert drafts["uri"].to_pylist() == ["file:///a.jpg", "file:///masks.jpg"]
    assert detections["uri"].to_pylist() == ["file:///a.jpg", "file:///a.jpg", "file:///masks.jpg"]
    assert detections["class"].to_pylist() == ["cat", "größe <b>", "cat"]
    assert detections["score"].to_pylist() == pytest.approx([0.875, 0.859375, 0.875])
    assert detections["shown"].to_pylist() == [True, False, True]
    assert drafts.equals(detections.take([0, 2]).drop_columns("shown"))
    assert json.loads(drafts["polygons"].to_pylist()[1]) == [[[1, 2, 3, 4, 5, 6], [2, 3, 3, 4, 4, 3]]]
    assert drafts["polygons"].to_pylist()[0] is None
    assert reader.drafts(run="latest").equals(drafts)
    assert reader.detections(run="latest").equals(detections)


def test_the_same_detections_are_other_drafts_in_another_run(reader):
    assert reader.drafts(run="first").num_rows == reader.detections(run="first").num_rows == 2


def test_the_current_ones_of_every_image(reader):
    assert (reader.drafts().num_rows, reader.detections().num_rows) == (2, 3)


def test_to_pandas(reader):
    assert list(reader.drafts(run="first").to_pandas()["class"]) == ["cat", "größe <b>"]


def test_an_unknown_run_is_named(reader):
    with pytest.raises(FirstpassError, match="there is no run 'nope'"):
        reader.drafts(run="nope")


def test_an_empty_warehouse_has_its_columns(warehouse):
    with firstpass.open_warehouse() as reader:
        assert reader.runs().num_rows == reader.drafts().num_rows == 0
        assert "score" in reader.drafts().column_names

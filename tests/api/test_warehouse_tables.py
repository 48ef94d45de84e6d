"""The warehouse as Arrow tables."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

import firstpass
from firstpass.errors import FirstpassError
from firstpass.warehouse.merge import merge_chunk
from fixtures.made_up_runs import row, unreadable


@pytest.fixture
def reader(warehouse, night):
    """Two runs over the same image, the second with another threshold and a second image with masks."""
    first, second = night("first"), night("second", threshold=0.4)
    merge_chunk(
        warehouse, first.spec, first.chunk(0, [row("file:///a.jpg", detections=1), unreadable("file:///b.jpg")])
    )
    masks = row("file:///masks.jpg", detections=1, polygons=[[[1, 2, 3, 4, 5, 6]]])
    merge_chunk(warehouse, second.spec, second.chunk(0, [row("file:///a.jpg", detections=2), masks]))
    with firstpass.open_warehouse() as reader:
        yield reader


def test_runs_newest_first(reader):
    runs = reader.runs()
    assert isinstance(runs, pa.Table)
    assert runs["run_id"].to_pylist() == ["second", "first"]
    assert runs.schema.field("started_at").type == pa.timestamp("us", "UTC")
    assert {"model", "state", "verdict", "images", "detections", "drift"} <= set(runs.column_names)


def test_drafts_and_detections_of_a_run(reader):
    drafts = reader.drafts(run="second")
    assert drafts["uri"].to_pylist() == ["file:///a.jpg", "file:///a.jpg", "file:///masks.jpg"]
    assert drafts["class"].to_pylist() == ["cat", "größe <b>", "cat"]
    assert drafts["score"].to_pylist() == pytest.approx([0.875, 0.859375, 0.875])
    assert json.loads(drafts["polygons"].to_pylist()[2]) == [[1, 2, 3, 4, 5, 6]]
    assert drafts["polygons"].to_pylist()[0] is None
    assert reader.detections(run="first")["uri"].to_pylist() == ["file:///a.jpg"]
    assert reader.drafts(run="latest").equals(drafts)


def test_the_current_ones_of_every_image(reader):
    assert reader.drafts().num_rows == reader.detections().num_rows == 3


def test_to_pandas(reader):
    assert list(reader.drafts(run="first").to_pandas()["class"]) == ["cat"]


def test_an_unknown_run_is_named(reader):
    with pytest.raises(FirstpassError, match="there is no run 'nope'"):
        reader.drafts(run="nope")


def test_an_empty_warehouse_has_its_columns(warehouse):
    with firstpass.open_warehouse() as reader:
        assert reader.runs().num_rows == reader.drafts().num_rows == 0
        assert "score" in reader.drafts().column_names

"""A chunk's result is verified before a row of it is believed; what is not its own is refused by the chunk's name."""

from __future__ import annotations

import json
from hashlib import sha256
from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from firstpass import storage
from firstpass.contracts.chunk_result import RESULT
from firstpass.contracts.run_spec import RunSpec
from firstpass.contracts.thresholds import Thresholds
from firstpass.errors import FirstpassError
from firstpass.warehouse.chunk_results import one_batch, read_result
from fixtures.made_up_runs import VERSION, Night, row


@pytest.fixture
def run(storage_home) -> Night:
    return Night(
        RunSpec(
            "the run", "/photos", VERSION.ref, "/models/toy", Thresholds(0.3), 0.15, 2, False, "local", "2026-02-01"
        )
    )


def photos(*names: str, **other) -> list[dict]:
    return [row(f"file:///{name}", detections=n) | other for n, name in enumerate(names)]


def refused(chunk, words: str) -> str:
    with pytest.raises(FirstpassError, match=words) as caught:
        read_result(chunk)
    assert "chunk 3 of run the run: " in caught.value.problem
    assert "map index 3" in caught.value.fix
    return caught.value.problem


def parquet(table: pa.Table, **options) -> bytes:
    buffer = BytesIO()
    pq.write_table(table, buffer, **options)
    return buffer.getvalue()


def replaced(chunk, data: bytes, **marker) -> None:
    """Another file in place of the result, and a done-marker that vouches for it."""
    found = json.loads(storage.read(chunk.done_uri)) | {"sha256": sha256(data).hexdigest()} | marker
    storage.write(chunk.output_uri, data)
    storage.write(chunk.done_uri, json.dumps(found).encode())


def test_rows_and_marker_of_a_result_that_is_its_own(run):
    rows = photos("a", "b", "c")
    chunk = run.chunk(3, rows)
    result = read_result(chunk)
    assert result.rows.schema.equals(RESULT)
    assert result.rows.to_pylist() == pa.Table.from_pylist(rows, RESULT).to_pylist()
    assert result.marker == json.loads(storage.read(chunk.done_uri))


def test_rows_may_come_in_another_order_than_the_manifest_s(run):
    rows = photos("a", "b", "c")
    chunk = run.chunk(3, rows, write=False)
    run.write(chunk, rows[::-1])
    assert read_result(chunk).rows["uri"].to_pylist() == ["file:///c", "file:///b", "file:///a"]


def test_an_empty_chunk_has_a_result_too(run):
    assert len(read_result(run.chunk(3, [])).rows) == 0


def test_a_result_in_many_row_groups_is_one_batch(run):
    rows = photos(*"abcdef")
    chunk = run.chunk(3, rows)
    replaced(chunk, parquet(pa.Table.from_pylist(rows, RESULT), row_group_size=2))
    assert read_result(chunk).rows.to_pylist() == pa.Table.from_pylist(rows, RESULT).to_pylist()


@pytest.mark.parametrize("pieces", [0, 1, 2, 3])
def test_a_table_is_one_batch_in_however_many_pieces(pieces):
    piece = pa.table({"a": [1, 2], "b": ["x", None]})
    table = pa.concat_tables([piece] * pieces) if pieces else piece.schema.empty_table()
    batch = one_batch(table)
    assert batch.to_pylist() == table.to_pylist()
    assert batch.schema.equals(table.schema)


def test_it_never_finished(run):
    refused(run.chunk(3, photos("a"), write=False), "it did not finish: there is no ")


def test_the_file_is_gone(run):
    chunk = run.chunk(3, photos("a"))
    storage.delete(chunk.output_uri)
    refused(chunk, r"\.parquet is missing though .*done\.json says that it is done")


def test_storage_that_cannot_be_read_keeps_its_error(run, monkeypatch):
    def denied(uri):
        raise PermissionError(uri)

    chunk = run.chunk(3, photos("a"))
    monkeypatch.setattr(storage, "read", denied)
    with pytest.raises(PermissionError):
        read_result(chunk)


def test_the_file_is_of_another_attempt(run):
    chunk = run.chunk(3, photos("a"))
    marker = storage.read(chunk.done_uri)
    run.write(chunk, photos("a", width=1))
    storage.write(chunk.done_uri, marker)
    refused(chunk, "its checksum differs")


def test_the_marker_is_of_an_earlier_plan(run):
    earlier = run.chunk(3, photos("a", "b"))
    chunk = run.chunk(3, photos("a", "b", "c"), write=False)
    assert earlier.output_uri == chunk.output_uri
    refused(chunk, "is of an earlier plan")


@pytest.mark.parametrize("text", ["", "{", b"\xff{".decode("latin1")])
def test_the_marker_is_no_json(run, text):
    chunk = run.chunk(3, photos("a"))
    storage.write(chunk.done_uri, text.encode("latin1"))
    refused(chunk, "is not JSON")


@pytest.mark.parametrize("lacks", ["rows", "sha256", "chunk", None])
def test_the_marker_lacks_what_it_is_for(run, lacks):
    chunk = run.chunk(3, photos("a"))
    marker = json.loads(storage.read(chunk.done_uri))
    marker = [marker] if lacks is None else {name: value for name, value in marker.items() if name != lacks}
    storage.write(chunk.done_uri, json.dumps(marker).encode())
    refused(chunk, "is not a done-marker: it needs rows, sha256 and chunk")


def test_a_marker_needs_no_more_than_that(run):
    chunk = run.chunk(3, photos("a"))
    marker = json.loads(storage.read(chunk.done_uri))
    storage.write(chunk.done_uri, json.dumps({name: marker[name] for name in ("rows", "sha256", "chunk")}).encode())
    assert len(read_result(chunk).rows) == 1


def test_the_row_count_differs(run):
    chunk = run.chunk(3, photos("a", "b", "c"))
    replaced(chunk, storage.read(chunk.output_uri), rows=4)
    refused(chunk, "has 3 rows, its done-marker says 4")


def test_the_file_is_no_parquet(run):
    chunk = run.chunk(3, photos("a"))
    replaced(chunk, b"text")
    refused(chunk, "is not a Parquet file")


def test_the_file_is_of_another_release(run):
    rows = photos("a")
    chunk = run.chunk(3, rows)
    replaced(chunk, parquet(pa.Table.from_pylist(rows, RESULT).drop_columns("brightness")))
    refused(chunk, "was written with another schema, by another release")


def test_the_rows_are_about_other_images(run):
    chunk = run.chunk(3, photos("a", "b", "c"), write=False)
    run.write(chunk, photos("b", "c", "d"))
    assert refused(chunk, "is not about the 3 images").endswith(": file:///a, file:///d")


def test_of_many_other_images_three_are_named(run):
    chunk = run.chunk(3, photos(*"abcdef"), write=False)
    run.write(chunk, photos("f"))
    assert refused(chunk, "is not about the 6 images").endswith(": file:///a, file:///b, file:///c")


def test_an_image_is_missing(run):
    chunk = run.chunk(3, photos("a", "b"), write=False)
    run.write(chunk, photos("a"))
    assert refused(chunk, "is not about the 2 images").endswith(": file:///b")


def test_an_image_is_there_twice(run):
    chunk = run.chunk(3, photos("a", "b"), write=False)
    run.write(chunk, [*photos("a", "b"), *photos("b")])
    assert refused(chunk, "is not about the 2 images").endswith(": one image twice")


@pytest.mark.parametrize("name", ["class_ids", "scores", "x1", "y1", "x2", "y2"])
def test_the_lists_do_not_fit_each_other(run, name):
    refused(
        run.chunk(3, [row("file:///a"), row("file:///b", detections=2, **{name: [1]}), row("file:///c", **{name: []})]),
        "row 1: its lists differ in length",
    )


@pytest.mark.parametrize("polygons", [[], [[]], [[], [], []]])
def test_there_are_not_as_many_polygons_as_boxes(run, polygons):
    refused(run.chunk(3, [row("file:///a", detections=2, polygons=polygons)]), "row 0: its lists differ in length")


def test_polygons_are_as_many_as_boxes_or_not_there(run):
    rows = [row("file:///a", detections=2, polygons=[[], [[[1.0, 2, 3, 4, 5, 6]]]]), row("file:///b", detections=2)]
    assert read_result(run.chunk(3, rows)).rows["polygons"].to_pylist() == [[[], [[[1, 2, 3, 4, 5, 6]]]], None]

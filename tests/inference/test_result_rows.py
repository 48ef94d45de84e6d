"""Detections become rows, and rows become the same bytes however they came about."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from firstpass.contracts.chunk_result import RESULT
from firstpass.contracts.detections import Detections
from firstpass.contracts.image_reference import ImageRef
from firstpass.contracts.outcome import Outcome
from firstpass.inference.result_rows import ResultRow, from_bytes, to_bytes, to_table

REF = ImageRef("cvat:task/12#3", 100, "e", task=12, frame=3)


def found(*scores: float, class_id: int = 1, polygons=None) -> Detections:
    n = len(scores)
    boxes = np.arange(4 * n, dtype=np.float32).reshape(n, 4)
    return Detections(np.full(n, class_id, np.int32), np.array(scores, np.float32), boxes, polygons)


def test_rows_have_the_one_schema():
    square = np.array([[0, 0], [4, 0], [4, 4.5]], np.float32)
    masks = found(0.9, 0.8, polygons=(((square, square + 1), (square + 10,)), ()))
    rows = [
        ResultRow(REF, Outcome.OK, None, "aa", 640, 480, 96.5, 6, masks),
        ResultRow(REF, Outcome.EMPTY, None, "bb", 640, 480, 0.0, 1, found()),
        ResultRow(REF, Outcome.MISSING, "was listed, but is gone"),
    ]
    table = to_table(rows)
    assert table.schema == RESULT
    ok, empty, missing = table.to_pylist()
    assert (ok["uri"], ok["task"], ok["frame"], ok["outcome"]) == ("cvat:task/12#3", 12, 3, "ok")
    assert ok["class_ids"] == [1, 1]
    assert (ok["x1"], ok["y1"], ok["x2"], ok["y2"]) == ([0.0, 4.0], [1.0, 5.0], [2.0, 6.0], [3.0, 7.0])
    assert ok["polygons"] == [
        [[[0, 0, 4, 0, 4, 4.5], [1, 1, 5, 1, 5, 5.5]], [[10, 10, 14, 10, 14, 14.5]]],
        [],
    ]
    assert (empty["scores"], empty["polygons"]) == ([], None)
    assert [each["brightness"] for each in (ok, empty, missing)] == [96.5, 0.0, None]
    assert [each["orientation"] for each in (ok, empty, missing)] == [6, 1, None]
    assert (missing["scores"], missing["sha256"], missing["reason"]) == ([], None, "was listed, but is gone")


def test_no_rows_are_a_table_too():
    assert to_table([]).schema == RESULT


def test_equal_rows_are_equal_bytes_in_however_many_pieces():
    rows = [
        ResultRow(ImageRef(f"file:///{i}", i, "e"), Outcome.OK, None, "aa", 1, 1, 2.5, 1, found(*[0.5] * (i % 5)))
        for i in range(300)
    ]
    whole = to_table(rows)
    pieces = pa.concat_tables([to_table(rows[:7]), from_bytes(to_bytes(to_table(rows[7:120]))), to_table(rows[120:])])
    assert to_bytes(pieces) == to_bytes(whole)
    assert from_bytes(to_bytes(whole)).equals(whole)

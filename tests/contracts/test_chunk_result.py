"""The columns of a result: what pods of one release write and Airflow of the same one reads."""

from __future__ import annotations

import pyarrow as pa

from firstpass.contracts.chunk_result import RESULT


def test_polygons_are_rings_in_parts_in_detections():
    holed = [[[0, 0, 4, 0, 4, 4], [1, 1, 2, 1, 2, 2]]]
    polygons = pa.array([[holed, []], None], RESULT.field("polygons").type)
    assert polygons.to_pylist() == [[holed, []], None]
    assert RESULT.field("polygons").nullable


def test_the_orientation_is_unknown_where_an_image_could_not_be_read():
    assert (RESULT.field("orientation").type, RESULT.field("orientation").nullable) == (pa.int32(), True)

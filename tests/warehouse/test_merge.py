"""One chunk's result into the warehouse: exactly, once, whatever happens."""

from __future__ import annotations

from firstpass.warehouse.merge import merge_chunk
from firstpass.warehouse.summary import run_summary
from warehouse.nights import row, unreadable


def query(conn, text, *parameters):
    with conn, conn.cursor() as cur:
        cur.execute(text, parameters)
        return cur.fetchall()


def test_a_merged_chunk_can_be_read_back(warehouse, night):
    run = night()
    chunk = run.chunk(
        0, [row("file:///a.jpg", detections=2), row("file:///b.jpg", "empty", 0), unreadable("file:///c")]
    )
    counts = merge_chunk(warehouse, run.spec, chunk)
    assert counts == {"images": 3, "detections": 2, "ok": 1, "empty": 1, "unreadable": 1}
    assert query(
        warehouse, "SELECT number, class_id, class, score, x1, y1, x2, y2, polygons FROM run_detections ORDER BY number"
    ) == [
        (1, 1, "cat", 0.875, 10.5, 20.25, 110.5, 220.25, None),
        (2, 2, "größe <b>", 0.859375, 11.5, 21.25, 111.5, 221.25, None),
    ]
    summary = run_summary(warehouse, "latest")
    assert summary["detections_per_class"] == {"cat": 1, "größe <b>": 1}
    assert summary["quarantined"] == [{"uri": "file:///c", "reason": "the file is empty"}]

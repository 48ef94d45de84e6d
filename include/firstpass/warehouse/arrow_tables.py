"""Views of the warehouse as Arrow tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from psycopg2.extensions import connection

from firstpass.warehouse.connection import transaction
from firstpass.warehouse.runs import find_whole_run

_ROWS = 20_000  # fetched at a time
_TYPES = {  # PostgreSQL's type numbers
    16: pa.bool_(),
    20: pa.int64(),
    23: pa.int32(),
    25: pa.string(),
    700: pa.float32(),
    701: pa.float64(),
    1184: pa.timestamp("us", "UTC"),
}
_COLUMNS = "uri, width, height, task, frame, model, class_id, class, score, x1, y1, x2, y2, polygons::text AS polygons"


def runs_table(conn: connection) -> pa.Table:
    """Every run with its verdict, newest first."""
    return _table(
        conn,
        "SELECT r.run_id, r.started_at, r.finished_at, r.model, r.images_uri, r.state,"
        " r.error ->> 'stage' AS failed_in, r.error ->> 'problem' AS problem, v.verdict, v.images, v.drafts, v.drift"
        " FROM runs r LEFT JOIN quality_verdicts v USING (run_id)"
        " ORDER BY r.started_at DESC, r.run_id",
        [],
    )


def drafts_table(conn: connection, run_id: str | None) -> pa.Table:
    """One row per draft of a run (an id, or `latest`); the current ones of every image when None."""
    return _rows_of(conn, "drafts", run_id)


def detections_table(conn: connection, run_id: str | None) -> pa.Table:
    """One row per detection from the floor up, of a run (an id, or `latest`); the current ones when None.

    shown: whether it is a draft.
    """
    return _rows_of(conn, "detections", run_id)


def _rows_of(conn: connection, what: str, run_id: str | None) -> pa.Table:
    columns = _COLUMNS + (", shown" if what == "detections" else "")
    if run_id is None:
        query = f"SELECT {columns} FROM current_{what} ORDER BY uri, number"  # noqa: S608 - constants
        return _table(conn, query, [])
    query = f"SELECT {columns} FROM run_{what} WHERE run_id = %s ORDER BY uri, number"  # noqa: S608 - constants
    return _table(conn, query, [find_whole_run(conn, run_id)])


def _table(conn: connection, query: str, parameters: Sequence[Any]) -> pa.Table:
    batches: list[pa.RecordBatch] = []
    with transaction(conn):  # whose end closes the named cursor as well
        cursor = conn.cursor(name="arrow")
        cursor.itersize = _ROWS
        cursor.execute(query, parameters)
        rows = cursor.fetchmany(_ROWS)
        schema = pa.schema([(column.name, _TYPES[column.type_code]) for column in cursor.description or ()])
        while rows:
            columns = zip(*rows, strict=True)
            arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
            batches.append(pa.RecordBatch.from_arrays(arrays, schema=schema))
            rows = cursor.fetchmany(_ROWS)
        cursor.close()
    return pa.Table.from_batches(batches, schema)

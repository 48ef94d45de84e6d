"""The annotation warehouse as Arrow tables, for notebooks and scripts."""

from __future__ import annotations

from typing import Self

import pyarrow as pa

from firstpass.stack.control import serve_warehouse
from firstpass.warehouse.arrow_tables import detections_table, drafts_table, runs_table
from firstpass.warehouse.connection import connect
from firstpass.warehouse.migration import migrate


class WarehouseReader:
    """An open warehouse, read only; close it, or use it in a `with` block.

    Each method returns a pyarrow.Table, the whole of it in memory; `.to_pandas()` makes a data frame of it.
    """

    def __init__(self) -> None:
        self._connection = connect()
        migrate(self._connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()

    def runs(self) -> pa.Table:
        """Every run, newest first: run_id, started_at, finished_at, model, images_uri, state, failed_in (a stage),
        problem, verdict, images, drafts, drift. model is null for a run that failed before it had one."""
        return runs_table(self._connection)

    def drafts(self, run: str | None = None) -> pa.Table:
        """One row per draft of a run (an id, or `latest`); the current draft of every image when None.

        uri, width, height, task, frame, model, class_id, class, score, x1, y1, x2, y2 (pixels of the stored image) and
        polygons (JSON, per part x, y, x, y, …). Raises FirstpassError for an unknown run.
        """
        return drafts_table(self._connection, run)

    def detections(self, run: str | None = None) -> pa.Table:
        """One row per detection, as `drafts`: everything that is stored, not only what is shown to people."""
        return detections_table(self._connection, run)


def open_warehouse() -> WarehouseReader:
    """The warehouse of FIRSTPASS_WAREHOUSE_DSN, else the embedded one, whose server is started if it does not run.

    Raises FirstpassError where neither can be reached.
    """
    serve_warehouse(lambda _: None)
    return WarehouseReader()

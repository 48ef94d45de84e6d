"""Backups to restore from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg2
import pytest

from firstpass.warehouse.archive import Archive
from firstpass.warehouse.backup import back_up
from fixtures.made_up_runs import row, unreadable


@pytest.fixture
def filled(warehouse: Any, finished_run: Any) -> Any:
    """A connection to a warehouse with two runs, in every encoding that a name may have."""
    finished_run([row(f"file:///{n}.jpg", "ok", n % 5) for n in range(40)])
    finished_run([row("file:///\t\\.\n größe 照.jpg", detections=3), unreadable("file:///broken.jpg")])
    return warehouse


@pytest.fixture
def archive(filled: Any, warehouse_dsn: str, tmp_path: Path) -> Archive:
    """A backup of `filled`."""
    return back_up(warehouse_dsn, tmp_path / "warehouse.dump").archive


@pytest.fixture
def rows_of():
    """`rows_of(dsn)`: every row of every table, as text."""

    def read(dsn: str) -> dict[str, list[str]]:
        with psycopg2.connect(dsn) as conn, conn.cursor() as cursor:
            cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
            found = {}
            for (name,) in cursor.fetchall():
                cursor.execute(f"SELECT t::text FROM {name} t ORDER BY 1")
                found[name] = [text for (text,) in cursor.fetchall()]
        conn.close()
        return found

    return read

"""One merge at a time."""

from __future__ import annotations

from contextlib import closing

import psycopg2
import pytest
from psycopg2.errors import DivisionByZero, LockNotAvailable

from firstpass.warehouse.merge_turn import turn
from fixtures.made_up_runs import query


def test_another_one_waits_until_it_ends(warehouse, warehouse_dsn):
    with closing(psycopg2.connect(warehouse_dsn, options="-c lock_timeout=50ms")) as other:
        with turn(warehouse) as cur:
            cur.execute("SELECT 1")
            with pytest.raises(LockNotAvailable), turn(other):
                pass
        with turn(other) as cur:
            cur.execute("SELECT 1")


def test_what_it_wrote_is_there_when_it_ends_and_gone_when_it_raises(warehouse, night):
    night()
    with turn(warehouse) as cur:
        cur.execute("UPDATE runs SET stages = '{\"a\": 1}'")
    with pytest.raises(DivisionByZero), turn(warehouse) as cur:
        cur.execute("UPDATE runs SET stages = '{}'; SELECT 1 / 0")
    assert query(warehouse, "SELECT stages FROM runs") == [({"a": 1},)]

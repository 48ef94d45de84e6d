"""A warehouse that release 0.1.0 wrote is brought to today's schema, and keeps what it held."""

from __future__ import annotations

import subprocess
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import psycopg2
import pytest
from psycopg2.extensions import make_dsn

from firstpass.stack.postgres import binary
from firstpass.warehouse.migration import migrate

DUMP = Path(__file__).with_name("release_0_1_0") / "warehouse.sql"


@pytest.fixture
def old_warehouse(postgres_dsn):
    """The DSN of a database with the dump in it, as 0.1.0 left it."""
    name = f"old_{uuid4().hex[:12]}"
    with closing(psycopg2.connect(postgres_dsn)) as conn:
        conn.autocommit = True
        conn.cursor().execute(f"CREATE DATABASE {name}")
    dsn = make_dsn(postgres_dsn, dbname=name)
    loaded = subprocess.run(
        [binary("psql"), "--quiet", "--set=ON_ERROR_STOP=1", "--file", DUMP, dsn], capture_output=True, text=True
    )
    assert loaded.returncode == 0, loaded.stderr
    yield dsn
    with closing(psycopg2.connect(postgres_dsn)) as conn:
        conn.autocommit = True
        conn.cursor().execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_nothing_is_lost(old_warehouse):
    with closing(psycopg2.connect(old_warehouse)) as conn, conn.cursor() as cur:
        counts = "SELECT outcome, count(*), sum(detections) FROM outcomes GROUP BY 1 ORDER BY 1"
        found = "SELECT sha256, model, class_ids, scores, x1, y1, x2, y2 FROM {} ORDER BY 1, 2, scores::text"
        shapes = "SELECT server, task, frame, shape_id, detection, model, run_id FROM published_shapes ORDER BY 3, 4"
        before = [rows(cur, query) for query in (counts, found.format("detections"), shapes)]
        assert before[0] == [
            ("duplicate", 3, 0), ("empty", 4, 0), ("known", 6, 0), ("ok", 17, 26), ("unreadable", 8, 0)
        ]  # fmt: skip
        conn.rollback()
        migrate(conn)
        assert [rows(cur, query) for query in (counts, found.format("predictions"), shapes)] == before
        assert rows(cur, "SELECT state, count(*) FROM shape_ledger GROUP BY 1") == [("published", 3)]


def rows(cur, query):
    cur.execute(query)
    return cur.fetchall()

"""The schema comes to every database, once."""

from __future__ import annotations

import threading
from pathlib import Path
from uuid import uuid4

import psycopg2
import pytest
from psycopg2.extensions import make_dsn

from firstpass.errors import FirstpassError
from firstpass.warehouse import migration
from firstpass.warehouse.migration import migrate, migrations
from fixtures.made_up_runs import query


@pytest.fixture
def empty(postgres_dsn):
    """A database without any schema."""
    name = f"empty_{uuid4().hex[:8]}"
    admin = psycopg2.connect(postgres_dsn)
    admin.autocommit = True
    admin.cursor().execute(f"CREATE DATABASE {name}")
    yield make_dsn(postgres_dsn, dbname=name)
    admin.cursor().execute(f"DROP DATABASE {name} WITH (FORCE)")
    admin.close()


def tables(dsn: str) -> set[str]:
    with psycopg2.connect(dsn) as conn, conn.cursor() as cur:
        cur.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        return {name for (name,) in cur.fetchall()}


def test_the_files_are_numbered_once_each():
    folder = Path(migration.__file__).parent / "migrations"
    numbers = [int(path.name.split("_")[0]) for path in folder.glob("*.sql")]
    assert len(set(numbers)) == len(numbers)
    assert {name for name, _ in migrations().values()} == {path.name for path in folder.glob("*.sql")}


def test_an_empty_database_gets_everything(empty):
    conn = psycopg2.connect(empty)
    version = migrate(conn)
    assert version == max(migrations())
    assert {"models", "images", "runs", "chunks", "outcomes", "predictions", "current_predictions"} <= tables(empty)
    assert migrate(conn) == version, "and once more changes nothing"
    conn.close()


def test_two_at_once_are_fine(empty):
    versions, failures = [], []

    def work():
        conn = psycopg2.connect(empty)
        try:
            versions.append(migrate(conn))
        except Exception as error:
            failures.append(error)
        finally:
            conn.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures
    assert len(versions) == 4


def test_a_migration_that_fails_leaves_nothing_of_itself(empty):
    known = migrations()
    broken = known | {9999: ("9999_broken.sql", "CREATE TABLE half (x int); SELECT 1 / 0")}
    conn = psycopg2.connect(empty)
    with pytest.raises(psycopg2.errors.DivisionByZero):
        migrate(conn, broken)
    assert "half" not in tables(empty)
    assert "predictions" in tables(empty)
    other = psycopg2.connect(empty, options="-c lock_timeout=5000")
    assert migrate(other) == max(known), "and nobody else is kept waiting"
    other.close()
    conn.close()


def test_a_newer_database_is_left_alone(empty):
    known = migrations()
    conn = psycopg2.connect(empty)
    newer = {9998: ("9998_future.sql", "SELECT 1"), 9999: ("9999_future.sql", "SELECT 1")}
    assert migrate(conn, known | newer) == 9999
    with pytest.raises(FirstpassError) as caught:
        migrate(conn)
    assert f"schema 9999, this release of Firstpass knows {max(known)}" in caught.value.problem
    assert "newer release" in caught.value.fix
    other = psycopg2.connect(empty, options="-c lock_timeout=5000")
    with pytest.raises(FirstpassError):
        migrate(other)
    other.close()
    conn.close()


def test_migrations_come_in_the_order_of_their_numbers_each_of_them_once(empty):
    conn = psycopg2.connect(empty)
    first = {10: ("10_second.sql", "ALTER TABLE made ADD b int"), 9: ("9_first.sql", "CREATE TABLE made (a int)")}
    assert migrate(conn, first) == 10
    later = first | {8: ("8_late.sql", "ALTER TABLE made ADD c int"), 11: ("11_third.sql", "ALTER TABLE made DROP b")}
    assert migrate(conn, later) == 11
    assert query(conn, "SELECT column_name FROM information_schema.columns WHERE table_name = 'made' ORDER BY 1") == [
        ("a",), ("c",)
    ]  # fmt: skip
    assert query(conn, "SELECT version, name FROM schema_migrations ORDER BY applied_at, version") == [
        (9, "9_first.sql"), (10, "10_second.sql"), (8, "8_late.sql"), (11, "11_third.sql")
    ]  # fmt: skip
    conn.close()


def test_a_connection_that_is_lost_meanwhile_keeps_its_error(empty):
    conn = psycopg2.connect(empty)
    with pytest.raises(psycopg2.OperationalError):
        migrate(conn, {1: ("1_suicide.sql", "SELECT pg_terminate_backend(pg_backend_pid())")})
    assert conn.closed

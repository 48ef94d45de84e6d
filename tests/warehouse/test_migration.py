"""The schema comes to every database, once."""

from __future__ import annotations

import threading
from pathlib import Path
from uuid import uuid4

import psycopg2
import pytest
from psycopg2.extensions import make_dsn

from firstpass.errors import FirstpassError
from firstpass.warehouse import migration as migrating
from firstpass.warehouse.migration import migrate


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
    folder = Path(migrating.__file__).parent / "migrations"
    numbers = [int(path.name.split("_")[0]) for path in folder.glob("*.sql")]
    assert len(set(numbers)) == len(numbers)


def test_an_empty_database_gets_everything(empty):
    conn = psycopg2.connect(empty)
    version = migrate(conn)
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


def test_a_migration_that_fails_leaves_nothing_of_itself(empty, monkeypatch):
    known = migrating._migrations()
    broken = known | {9999: ("9999_broken.sql", "CREATE TABLE half (x int); SELECT 1 / 0")}
    monkeypatch.setattr(migrating, "_migrations", lambda: broken)
    conn = psycopg2.connect(empty)
    with pytest.raises(psycopg2.errors.DivisionByZero):
        migrate(conn)
    assert "half" not in tables(empty)
    assert "predictions" in tables(empty)
    monkeypatch.setattr(migrating, "_migrations", lambda: known)
    migrate(conn)
    conn.close()


def test_a_newer_database_is_left_alone(empty, monkeypatch):
    known = migrating._migrations()
    conn = psycopg2.connect(empty)
    monkeypatch.setattr(migrating, "_migrations", lambda: known | {9999: ("9999_future.sql", "SELECT 1")})
    migrate(conn)
    monkeypatch.setattr(migrating, "_migrations", lambda: known)
    with pytest.raises(FirstpassError, match="schema 9999, this release of Firstpass knows") as caught:
        migrate(conn)
    assert "newer release" in caught.value.fix
    conn.close()

"""The real embedded server, started as supervisord starts it."""

from __future__ import annotations

import os
import subprocess
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg2
import pytest

from firstpass.errors import FirstpassError
from firstpass.stack import postgres


@contextmanager
def serving(where):
    user = postgres.USER if where.as_root else None
    process = subprocess.Popen(
        postgres.command(where), user=user, group=user, cwd=where.postgres, stderr=subprocess.DEVNULL
    )
    try:
        postgres.wait_ready(where)
        yield process
    finally:
        process.send_signal(2)
        assert process.wait(timeout=20) == 0


def value(dsn: str, query: str):
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchone()[0]


def test_two_databases_over_a_socket_that_keep_their_data(where):
    postgres.prepare(where)
    with serving(where):
        postgres.create_databases(where)
        postgres.create_databases(where)  # again is fine
        assert value(postgres.dsn("airflow", where), "SELECT current_database()") == "airflow"
        warehouse = postgres.dsn("firstpass", where)
        assert value(warehouse, "SHOW listen_addresses") == ""
        assert value(warehouse, "SHOW server_version").startswith("18.")
        assert value(warehouse, "SELECT datlocprovider::text FROM pg_database LIMIT 1") == "b"
        with closing(psycopg2.connect(warehouse)) as connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE kept AS SELECT 42 AS answer")
            connection.commit()
    assert not postgres.answers(where)
    postgres.prepare(where)
    with serving(where):
        assert postgres.answers(where)
        assert value(postgres.dsn("firstpass", where), "SELECT answer FROM kept") == 42
        _who_is_connected_is_told(where)


def _who_is_connected_is_told(where):
    for name, counts in (("psql", False), ("somebody's tool", False), ("firstpass", True)):
        connecting = psycopg2.connect(postgres.dsn("firstpass", where), application_name=name)
        with closing(connecting) as connection:
            assert postgres.warehouse_in_use(where) is counts
            connection.cursor().execute("SELECT 1")  # begins a transaction
            assert postgres.warehouse_in_use(where) is (counts or name == "psql")
    assert where.postgres_socket.stat().st_mode & 0o077 == 0, "who can enter the folder is let in"


def test_a_first_start_that_was_killed_begins_anew(where):
    half = where.postgres / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18")
    postgres.prepare(where)
    assert not half.exists()
    assert (where.postgres / "data" / "global").is_dir()


def test_preparing_opens_no_folder_to_others(where):
    before = {path: path.stat().st_mode for path in [where.home, *where.home.parents]}
    postgres.prepare(where)
    assert {path: path.stat().st_mode for path in before} == before
    assert where.postgres.stat().st_mode & 0o077 == 0


def test_a_dsn_fits_libpq_and_sqlalchemy_whatever_the_path(where):
    odd = replace(where, home=Path("/srv/it's 100% größe"), as_root=False)
    assert postgres.dsn("firstpass", odd) == f"postgresql://postgres@/firstpass?host=/tmp/firstpass-{where.instance}"


def test_a_server_that_does_not_answer_is_said_to(where):
    with pytest.raises(FirstpassError, match="PostgreSQL does not answer") as error:
        postgres.wait_ready(where, seconds=0.1)
    assert "postgres.log" in error.value.fix


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another user")
def test_as_root_the_server_runs_from_a_copy_that_its_user_can_read(where):
    postgres.prepare(where)
    program = Path(postgres.command(where)[0])
    assert program.is_relative_to("/var/lib/firstpass")
    done = subprocess.run(
        [program, "--version"], user=postgres.USER, cwd="/", capture_output=True, text=True, check=True
    )
    assert "PostgreSQL) 18" in done.stdout

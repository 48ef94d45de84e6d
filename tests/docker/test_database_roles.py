"""Two roles, each the owner of one database and of nothing else, whoever owned it before."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
from psycopg2.extensions import make_dsn

from firstpass.warehouse.migration import migrate

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "docker" / "airflow"))
from database_roles import make_owner

ROLE, DATABASE = "the warehouse", "first-pass of roles"  # names that need quotes


@pytest.fixture
def dsn(postgres_dsn):
    """The role's own DSN. Before and after, there is neither role nor database."""
    yield make_dsn(postgres_dsn, user=ROLE, password="it's 100% secret", dbname=DATABASE)
    with closing(psycopg2.connect(postgres_dsn)) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute(f'DROP DATABASE IF EXISTS "{DATABASE}" WITH (FORCE)')
        cursor.execute(f'DROP ROLE IF EXISTS "{ROLE}"')


def ask(dsn: str, query: str):
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


OWNERS = """
SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class WHERE relnamespace = 'public'::regnamespace
UNION SELECT pg_get_userbyid(proowner) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
UNION SELECT pg_get_userbyid(typowner) FROM pg_type WHERE typnamespace = 'public'::regnamespace
UNION SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()
"""


def test_a_new_database_is_its_owner_s_to_migrate(postgres_dsn, dsn):
    make_owner(postgres_dsn, dsn)
    make_owner(postgres_dsn, dsn)
    with closing(psycopg2.connect(dsn)) as connection:
        migrate(connection)
    assert ask(dsn, OWNERS) == [(ROLE,)]
    rights = "rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolcanlogin"
    assert ask(dsn, f"SELECT {rights} FROM pg_roles WHERE rolname = current_user") == [(False,) * 4 + (True,)]


def test_a_database_of_the_superuser_changes_hands_and_keeps_its_rows(postgres_dsn, dsn):
    with closing(psycopg2.connect(postgres_dsn)) as connection:
        connection.autocommit = True
        connection.cursor().execute(f'CREATE DATABASE "{DATABASE}"')
    superuser = make_dsn(postgres_dsn, dbname=DATABASE)
    with closing(psycopg2.connect(superuser)) as connection:
        migrate(connection)
        connection.cursor().execute(
            """CREATE TABLE "Odd name" (id serial, at timestamptz); INSERT INTO "Odd name" VALUES (DEFAULT, now());
            CREATE SEQUENCE alone; CREATE TYPE mood AS ENUM ('a'); CREATE DOMAIN share AS float CHECK (VALUE <= 1);
            CREATE FUNCTION one(integer DEFAULT 1) RETURNS integer LANGUAGE sql AS 'SELECT 1';
            CREATE MATERIALIZED VIEW seen AS SELECT * FROM "Odd name";
            CREATE TABLE parts (d date) PARTITION BY RANGE (d)"""
        )
        connection.commit()
    make_owner(postgres_dsn, dsn)
    assert ask(dsn, OWNERS) == [(ROLE,)]
    assert ask(dsn, 'SELECT count(*) FROM "Odd name"') == [(1,)]
    with closing(psycopg2.connect(dsn)) as connection:
        migrate(connection)  # finds nothing to do, and may


def test_nobody_else_may_connect(postgres_dsn, dsn):
    make_owner(postgres_dsn, dsn)
    assert ask(dsn, "SELECT datacl::text FROM pg_database WHERE datname = current_database()") == [
        (f'{{"\\"{ROLE}\\"=CTc/\\"{ROLE}\\""}}',)
    ]

"""A right that the warehouse's user lacks is a sentence, not a traceback."""

from __future__ import annotations

from contextlib import closing

import psycopg2
import pytest
import sqlalchemy

from firstpass.errors import FirstpassError
from firstpass.refusals import missing_right
from firstpass.waiting import patiently
from firstpass.warehouse.connection import connect
from firstpass.warehouse.migration import migrate
from fixtures.made_up_runs import query


def caught(dsn: str, statement: str) -> Exception:
    with closing(psycopg2.connect(dsn)) as conn, pytest.raises(psycopg2.Error) as error:
        query(conn, statement)
    return error.value


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("SELECT * FROM runs", "(SELECT): permission denied for table runs"),
        ("INSERT INTO runs (run_id) VALUES ('secret-run')", "(INSERT INTO): permission denied for table runs"),
        ("DROP TABLE runs", "(DROP TABLE): must be owner of table runs"),
        ("CREATE TABLE mine (x int)", "(CREATE TABLE): permission denied for schema public"),
    ],
)
def test_the_right_is_named(lesser_user, statement, words):
    error = missing_right(caught(lesser_user(), statement))
    assert isinstance(error, FirstpassError)
    assert words in error.problem
    assert "secret-run" not in str(error)
    assert "GRANT" in error.fix


def test_what_great_expectations_wraps_is_found(lesser_user):
    dsn = lesser_user()
    engine = sqlalchemy.create_engine("postgresql+psycopg2://", creator=lambda: psycopg2.connect(dsn))
    with engine.connect() as conn, pytest.raises(sqlalchemy.exc.DBAPIError) as error:
        conn.execute(sqlalchemy.text("SELECT * FROM runs"))
    engine.dispose()
    assert "permission denied for table runs" in missing_right(error.value).problem


def test_other_errors_are_none(warehouse_dsn):
    assert missing_right(caught(warehouse_dsn, "SELECT * FROM nowhere")) is None
    assert missing_right(ValueError("permission denied")) is None


def test_a_task_ends_with_the_sentence_at_its_first_try(lesser_user):
    dsn, tries = lesser_user(), []

    def task():
        tries.append(1)
        with closing(psycopg2.connect(dsn)) as conn:
            query(conn, "SELECT * FROM runs")

    with pytest.raises(FirstpassError, match="permission denied for table runs"):
        patiently(task)
    assert tries == [1]


def test_a_user_who_may_make_no_tables_may_use_those_that_are_there(lesser_user, use_warehouse):
    use_warehouse(lesser_user("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {}"))
    with closing(connect()) as conn:
        assert migrate(conn)
        assert query(conn, "SELECT count(*) FROM runs") == [(0,)]


def test_a_user_who_may_make_no_tables_is_told_where_there_are_none(lesser_user, new_database, use_warehouse):
    from psycopg2.extensions import make_dsn, parse_dsn

    use_warehouse(make_dsn(new_database(), user=parse_dsn(lesser_user())["user"]))
    with closing(connect()) as conn, pytest.raises(psycopg2.Error) as error:
        migrate(conn)
    assert "permission denied for schema public" in missing_right(error.value).problem

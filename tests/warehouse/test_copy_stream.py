"""Rows go into a table in one COPY, as often as they are sent."""

from __future__ import annotations

import psycopg2
import pyarrow as pa
import pytest

from firstpass.warehouse.copy_encoding import constant, number, text
from firstpass.warehouse.copy_stream import copy
from fixtures.made_up_runs import query


@pytest.fixture
def table(warehouse) -> str:
    name = 'odd "name" %s'
    query(warehouse, 'CREATE TEMPORARY TABLE "odd ""name"" %%s" ("the key" text PRIMARY KEY, "select" int4)')
    return name


def rows(warehouse) -> list[tuple]:
    return query(warehouse, 'SELECT "the key", "select" FROM "odd ""name"" %%s" ORDER BY 1')


def test_tables_and_columns_may_have_any_name(warehouse, table):
    made = copy(table, {"select": number(pa.array([1, None], pa.int32())), "the key": text(pa.array(["a", "b"]))})
    with warehouse, warehouse.cursor() as cur:
        made.into(cur)
    assert rows(warehouse) == [("a", 1), ("b", None)]


def test_the_same_rows_can_be_sent_again(warehouse, table):
    made = copy(table, {"the key": text(pa.array(["a"])), "select": constant(7)})
    for _ in range(2):
        with warehouse, warehouse.cursor() as cur:
            made.into(cur)
            cur.execute('UPDATE "odd ""name"" %%s" SET "the key" = "the key" || "select"', [])
            made.into(cur)
        assert rows(warehouse) == [("a", 7), ("a7", 7)]
        query(warehouse, 'TRUNCATE "odd ""name"" %%s"')


def test_a_row_that_is_there_already_is_refused(warehouse, table):
    made = copy(table, {"the key": text(pa.array(["a", "a"]))})
    with pytest.raises(psycopg2.errors.UniqueViolation), warehouse, warehouse.cursor() as cur:
        made.into(cur)
    assert rows(warehouse) == []


def test_no_rows_are_no_rows(warehouse, table):
    with warehouse, warehouse.cursor() as cur:
        copy(table, {"the key": text(pa.array([], pa.string()))}).into(cur)
    assert rows(warehouse) == []

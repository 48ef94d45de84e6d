"""Whatever Arrow holds arrives in PostgreSQL as it was."""

from __future__ import annotations

import json
import math

import numpy as np
import psycopg2
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firstpass.warehouse.copy_encoding import array_literal, arrays, constant, number, only, polygons, text, timestamp
from firstpass.warehouse.copy_stream import copy

int32 = st.integers(-(2**31), 2**31 - 1)
float32 = st.floats(width=32)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "words": st.none() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=9),
            "small": st.none() | int32,
            "large": st.none() | st.integers(-(2**63), 2**63 - 1),
            "real": st.none() | float32,
            "pairs": st.lists(st.tuples(int32, float32), max_size=4),
        }
    ),
    max_size=8,
)
TYPES = {
    "words": pa.string(),
    "small": pa.int32(),
    "large": pa.int64(),
    "real": pa.float32(),
    "ints": pa.list_(pa.int32()),
    "reals": pa.list_(pa.float32()),
}
ENCODERS = {"words": text, "small": number, "large": number, "real": number}


@pytest.fixture(scope="module")
def table(postgres_dsn):
    conn = psycopg2.connect(postgres_dsn)
    with conn.cursor() as cur:
        cur.execute(
            "CREATE TEMPORARY TABLE encoded"
            " (words text, small int4, large int8, real float4, ints int4[], reals float4[], doc jsonb, at timestamptz)"
        )
    yield conn
    conn.close()


def through(conn, columns) -> list[tuple]:
    with conn.cursor() as cur:
        cur.execute("TRUNCATE encoded")
        copy("encoded", columns).into(cur)
        names = ", ".join(f"{name}::float8[]" if name == "reals" else name for name in columns)
        cur.execute(f"SELECT {names} FROM encoded ORDER BY ctid")
        return cur.fetchall()


@given(rows=ROWS, skip=st.integers(0, 2))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_column_arrives(table, rows, skip):
    """Slices too, whose buffers begin before the first row."""
    rows = [row | {"ints": [i for i, _ in row["pairs"]], "reals": [f for _, f in row["pairs"]]} for row in rows]
    columns = {name: pa.array([row[name] for row in rows], kind).slice(skip) for name, kind in TYPES.items()}
    fields = {name: encode(columns[name]) for name, encode in ENCODERS.items()}
    fields["ints"], fields["reals"] = arrays([columns["ints"], columns["reals"]])
    arrived = through(table, fields)
    expected = [tuple(row[name] for name in TYPES) for row in rows[skip:]]
    assert [tuple(map(plain, row)) for row in arrived] == [tuple(map(plain, row)) for row in expected]


def plain(value):
    """Comparable: floats as float32 spells them, so that NaN equals itself and -0.0 is not 0.0."""
    if isinstance(value, list):
        return [plain(each) for each in value]
    return str(np.float32(value)) if isinstance(value, float) else value


@given(
    images=st.lists(
        st.none() | st.lists(st.lists(st.lists(st.floats(-1e6, 1e6, width=32), max_size=4), max_size=2), max_size=3),
        min_size=1,
        max_size=5,
    )
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_polygons_arrive_to_the_last_bit(table, images):
    kind = pa.list_(pa.list_(pa.list_(pa.float32())))
    arrived = through(
        table, {"doc": polygons(pa.array(images, kind)), "small": number(pa.array(range(len(images)), pa.int32()))}
    )
    assert [as_float32(doc) for doc, _ in arrived] == [as_float32(doc) for doc in images]


def as_float32(doc):
    if isinstance(doc, list):
        return [as_float32(each) for each in doc]
    return doc if doc is None else np.float32(doc)


@given(words=st.lists(st.none() | st.text("a\0ü", max_size=5), min_size=1, max_size=6), skip=st.integers(0, 2))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_nul_which_no_text_may_hold_becomes_the_replacement_character(table, words, skip):
    column = pa.array(words, pa.string()).slice(skip)
    arrived = through(table, {"words": text(column), "small": number(pa.array(range(len(column)), pa.int32()))})
    assert [word for word, _ in arrived] == [word and word.replace("\0", "\ufffd") for word in words[skip:]]
    with table.cursor() as cur:
        cur.execute("SELECT %s::text[]", [array_literal([word for word in words if word is not None])])
        assert cur.fetchone()[0] == [word.replace("\0", "") for word in words if word is not None]


@given(
    rows=ROWS.filter(lambda rows: any(row["small"] is not None for row in rows)),
    chance=st.randoms(use_true_random=False),
)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_only_some_of_the_rows_are_sent(table, rows, chance):
    kept = [chance.random() < 0.5 for _ in rows]
    columns = {name: pa.array([row[name] for row in rows], TYPES[name]) for name in ENCODERS}
    fields = {name: only(encode(columns[name]), pa.array(kept)) for name, encode in ENCODERS.items()}
    if not any(kept):
        return
    fields["doc"] = only(constant(None), pa.array(kept))
    arrived = through(table, fields)
    expected = [tuple(row[name] for name in ENCODERS) for row, keep in zip(rows, kept, strict=True) if keep]
    assert [tuple(map(plain, row[:-1])) for row in arrived] == [tuple(map(plain, row)) for row in expected]


def test_arrays_count_from_one(table):
    ints = pa.array([[7, 8], []], pa.list_(pa.int32()))
    through(table, {"ints": arrays([ints])[0]})
    with table.cursor() as cur:
        cur.execute("SELECT ints[1], array_ndims(ints), array_lower(ints, 1), array_upper(ints, 1) FROM encoded")
        assert cur.fetchall() == [(7, 1, 1, 2), (None, None, None, None)]


def test_a_constant_stands_in_for_a_column_without_a_value(table):
    nothing = pa.nulls(2, pa.int32())
    assert through(table, {"small": number(nothing), "words": text(pa.array(["a", "b"]))}) == [(None, "a"), (None, "b")]
    assert text(pa.nulls(2, pa.string())) == number(nothing) == constant(None)
    assert polygons(pa.nulls(2, pa.list_(pa.list_(pa.list_(pa.float32()))))) == constant(None)


def test_a_coordinate_that_is_no_number_is_null(table):
    column = pa.array([[[[1.5, math.nan, math.inf, 2.0]]]], pa.list_(pa.list_(pa.list_(pa.float32()))))
    assert through(table, {"doc": polygons(column), "small": number(pa.array([1], pa.int32()))}) == [
        ([[[1.5, None, None, 2.0]]], 1)
    ]


def test_constants_stand_in_every_row(table):
    columns = {
        "words": constant("grö\0e"),
        "small": constant(7),
        "large": constant(None),
        "at": timestamp(86_400_000_000),
        "real": number(pa.array([1.0, 2.0], pa.float32())),
    }
    with table.cursor() as cur:
        cur.execute("SET timezone = 'UTC'")
    rows = through(table, columns)
    assert [row[:3] for row in rows] == [("grö\N{REPLACEMENT CHARACTER}e", 7, None)] * 2
    assert [row[3].isoformat() for row in rows] == ["2000-01-02T00:00:00+00:00"] * 2


@given(words=st.lists(st.text(st.sampled_from('a"\\{},ü \n') | st.characters(codec="utf-8", exclude_characters="\0"))))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_text_array_travels_as_one_parameter(table, words):
    with table.cursor() as cur:
        cur.execute("SELECT to_json(%s::text[])::text", [array_literal(words)])
        assert json.loads(cur.fetchone()[0]) == words

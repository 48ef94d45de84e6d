"""JSON that is written as it is made."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstpass.exports.json_text import to_json, write_rows


def written(rows) -> str:
    file = io.StringIO()
    write_rows(file, rows)
    return file.getvalue()


def test_a_row_is_a_line():
    assert written([]) == ""
    assert written(iter([{"a": 1}])) == '\n{"a": 1}'
    assert written([1, "größe", None]) == '\n1,\n"größe",\nnull'


@given(
    st.lists(st.dictionaries(st.text(), st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False)))
)
def test_within_brackets_it_is_an_array_of_the_rows(rows):
    assert json.loads(f"[{written(rows)}]") == rows


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [{"x": float("-inf")}]])
def test_what_json_cannot_say_is_an_error(value):
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json(value)

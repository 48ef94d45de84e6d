"""The small text files beside weights: bounded, and UTF-8."""

from __future__ import annotations

import pytest

from firstpass.errors import FirstpassError
from firstpass.models.text_files import MAX_TEXT_BYTES, decode_text


def test_a_mebibyte_is_the_most():
    assert MAX_TEXT_BYTES == 1_048_576
    assert len(decode_text(b"x" * MAX_TEXT_BYTES, "classes.csv")) == MAX_TEXT_BYTES
    with pytest.raises(FirstpassError, match=r"classes\.csv has 1048577 bytes, more than 1048576"):
        decode_text(b"x" * (MAX_TEXT_BYTES + 1), "classes.csv")


def test_a_byte_order_mark_is_removed_once():
    assert decode_text(b"\xef\xbb\xbfa\xc3\xa9", "x") == "aé"
    assert decode_text(b"a\xef\xbb\xbf", "x") == "a\ufeff"


@pytest.mark.parametrize(
    ("data", "row", "byte"), [(b"\xff", 1, "ff"), (b"a\nb\xe9c\n\xff", 2, "e9"), (b"a\n\n\x80", 3, "80")]
)
def test_the_first_byte_that_is_none_is_named_with_its_row(data, row, byte):
    with pytest.raises(FirstpassError, match=f"x row {row}: byte 0x{byte} is not UTF-8"):
        decode_text(data, "x")

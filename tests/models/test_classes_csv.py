"""classes.csv as found in the wild: both dialects, and what was seen to break readers."""

from __future__ import annotations

import csv
import io
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstpass.errors import FirstpassError
from firstpass.models.classes_csv import ClassRow, class_table, cleaned, parse

TFOD, MASK_RCNN = "tfod_frozen_graph", "mask_rcnn"


def names(data: bytes, kind: str = TFOD) -> dict[int, str]:
    return class_table(parse(data, kind)).names


def test_tfod_ids_are_row_numbers():
    assert names(b"labels\r\ncat\r\ndog\r\n") == {1: "cat", 2: "dog"}


def test_mask_rcnn_ids_are_closed_up_in_ascending_order():
    assert names(b"labels,id\r\nzebra,40\r\ncat,7\r\ndog,12\r\n", MASK_RCNN) == {1: "cat", 2: "dog", 3: "zebra"}


def test_rows_keep_their_place_in_the_file():
    assert parse(b"labels,id\ncat,7\n\ndog,3\n", MASK_RCNN) == [ClassRow(2, "cat", 7), ClassRow(4, "dog", 3)]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(b'labels\r\n"light, red"\r\n', "light, red", id="comma"),
        pytest.param(b"labels\r\nlight: red\r\n", "light: red", id="colon"),
        pytest.param(b'labels\r\n"the ""big"" one"\r\n', 'the "big" one', id="quotes"),
        pytest.param(b'labels\r\n5" pipe\r\n', '5" pipe', id="a quote within"),
        pytest.param(b"labels\r\nlabels\r\n", "labels", id="a class called labels"),
        pytest.param(b"labels\r\nid\r\n", "id", id="a class called id"),
        pytest.param(b'labels\r\n"labels,id"\r\n', "labels,id", id="a class called like the other header"),
        pytest.param(b"\xef\xbb\xbflabels\r\ncat\r\n", "cat", id="BOM"),
        pytest.param(b"labels\ncat\n", "cat", id="LF"),
        pytest.param(b"labels\r\ncat", "cat", id="no line end"),
        pytest.param(b"\r\nlabels\r\n\r\ncat\r\n\r\n", "cat", id="blank lines"),
        pytest.param(b"labels\r\n  cat \r\n", "cat", id="space around"),
        pytest.param("labels\r\ncafe\u0301\r\n".encode(), "café", id="Unicode, decomposed"),
        pytest.param("labels\r\n猫\r\n".encode(), "猫", id="Unicode"),
    ],
)
def test_a_name_is_read_as_it_was_meant(data, expected):
    assert names(data) == {1: expected}


@pytest.mark.parametrize(
    ("data", "kind", "message"),
    [
        pytest.param(b"", TFOD, "classes.csv is empty", id="empty file"),
        pytest.param(b"\r\n\r\n", TFOD, "classes.csv is empty", id="blank lines alone"),
        pytest.param(b"cat\r\ndog\r\n", TFOD, "classes.csv row 1: the header is 'cat'", id="no header"),
        pytest.param(b"labels,id\r\ncat,1\r\n", TFOD, "row 1: the header is labels,id", id="the other dialect"),
        pytest.param(b"labels\r\ncat\r\n", MASK_RCNN, "row 1: the header is labels, without ids", id="and reversed"),
        pytest.param(b"id,labels\r\n1,cat\r\n", MASK_RCNN, "row 1: the header is 'id,labels'", id="columns swapped"),
        pytest.param(b"labels\r\ncat\r\nlight, red\r\n", TFOD, "row 3: 2 columns in 'light, red'", id="bare comma"),
        pytest.param(b"labels,id\r\ncat\r\n", MASK_RCNN, "row 2: 1 columns in 'cat'", id="id missing"),
        pytest.param(b'labels\r\n"big" cat\r\n', TFOD, "classes.csv row 2: ", id="quotes not doubled"),
        pytest.param(b'labels\r\n"cat\r\ndog\r\n', TFOD, "classes.csv row 3: ", id="quote never closed"),
        pytest.param(b"labels,id\r\ncat,1.0\r\n", MASK_RCNN, "row 2: the id is '1.0'", id="id not whole"),
        pytest.param(b"labels,id\r\ncat,\r\n", MASK_RCNN, "row 2: the id is ''", id="id empty"),
        pytest.param(b"labels,id\r\nbg,0\r\n", MASK_RCNN, "row 2: the id is '0'", id="the background's id"),
        pytest.param(b"labels,id\r\ncat,-3\r\n", MASK_RCNN, "row 2: the id is '-3'", id="id negative"),
        pytest.param("labels,id\r\ncat,٣\r\n".encode(), MASK_RCNN, "row 2: the id is '٣'", id="id in other digits"),
        pytest.param(b"labels,id\r\ncat," + b"9" * 30, MASK_RCNN, "row 2: the id is '99", id="id huge"),
        pytest.param(b"labels\r\ncaf\xe9\r\n", TFOD, "row 2: byte 0xe9 is not UTF-8", id="Latin-1"),
        pytest.param("labels\r\ncat\r\n".encode("utf-16"), TFOD, "row 1: byte 0xff is not UTF-8", id="UTF-16"),
        pytest.param(b"labels\r\n" + b"x" * 2**21, TFOD, "2097160 bytes", id="no such file"),
    ],
)
def test_what_is_no_class_table_is_told_with_row_and_value(data, kind, message):
    with pytest.raises(FirstpassError) as caught:
        parse(data, kind)
    assert message in caught.value.problem
    assert caught.value.fix


legal = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20)


def written(header: list[str], rows: list[list[object]]) -> bytes:
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(header)
    writer.writerows(rows)
    return file.getvalue().encode()


@given(st.lists(legal))
def test_whatever_a_csv_writer_writes_is_read_back(labels):
    rows = parse(written(["labels"], [[label] for label in labels]), TFOD)
    assert [row.name for row in rows] == [cleaned(label) for label in labels]
    assert [row.id for row in rows] == list(range(1, len(labels) + 1))
    assert list(class_table(rows).names.values()) == [cleaned(label) for label in labels]


@given(st.lists(st.tuples(legal, st.integers(1, 2**31 - 1)), unique_by=lambda pair: pair[1]))
def test_ids_are_read_back_and_closed_up_in_their_order(pairs):
    rows = parse(written(["labels", "id"], [[name, number] for name, number in pairs]), MASK_RCNN)
    assert [(row.name, row.id) for row in rows] == [(cleaned(name), number) for name, number in pairs]
    in_order = sorted(pairs, key=lambda pair: pair[1])
    assert class_table(rows).names == {i: cleaned(name) for i, (name, _) in enumerate(in_order, 1)}


@given(legal)
def test_a_name_is_cleaned_once(name):
    assert cleaned(cleaned(name)) == cleaned(name)
    assert cleaned(f"  {name}\t") == cleaned(name)


@pytest.mark.parametrize(
    ("number", "fits"), [(1, True), (2**31 - 1, True), (2**31, False), (0, False), (10**11, False)]
)
def test_an_id_is_a_positive_32_bit_number(number, fits):
    data = written(["labels", "id"], [["cat", number]])
    if fits:
        assert parse(data, MASK_RCNN)[0].id == number
    else:
        with pytest.raises(FirstpassError, match=f"row 2: the id is '{number}'"):
            parse(data, MASK_RCNN)


def test_space_around_header_and_id_is_a_slip():
    assert parse(b" labels , id \ncat, 7 \n", MASK_RCNN) == [ClassRow(2, "cat", 7)]
    with pytest.raises(FirstpassError, match="row 3: the id is '7 8'"):
        parse(b"labels,id\ncat,7\ndog,7 8\n", MASK_RCNN)


def test_the_file_is_called_what_it_is_called():
    for data in (b"", b"x\n", b"labels\na,b\n", b"\xff"):
        with pytest.raises(FirstpassError, match=r"^mine\.csv"):
            parse(data, TFOD, "mine.csv")


@pytest.mark.parametrize(
    ("data", "kind", "fix"),
    [
        (b"", TFOD, "write the header labels and a row for each class"),
        (b"", MASK_RCNN, "write the header labels,id and a row for each class"),
        (b"x\n", MASK_RCNN, "write the header labels,id"),
        (b"labels\na,b\n", TFOD, "quote a name that holds a comma"),
        (b"labels,id\na\n", MASK_RCNN, "write the class's name and its id"),
    ],
)
def test_what_to_do_about_it(data, kind, fix):
    with pytest.raises(FirstpassError) as caught:
        parse(data, kind)
    assert fix in caught.value.fix


@given(st.binary(max_size=300), st.sampled_from([TFOD, MASK_RCNN]))
def test_any_bytes_give_rows_or_a_clear_error(data, kind):
    with suppress(FirstpassError):
        assert all(row.id >= 1 for row in parse(b"labels\n" + data, kind))

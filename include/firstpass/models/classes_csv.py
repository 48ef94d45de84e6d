"""classes.csv, as the training workflows leave it: two dialects, read row by row; and the way to the network's ids.

TF Object Detection API training writes the header `labels`, and a class's id is its row, counted from 1. Mask R-CNN
training writes `labels,id` with the dataset's category ids; its network emits 1..N in ascending order of those.

What is checked here is the form: encoding, header, columns, whole numbers. What the rows say (duplicate names, their
count against the network's, the label map) is `class_checks`' to judge.
"""

from __future__ import annotations

import csv
import reprlib
import unicodedata
from dataclasses import dataclass
from io import StringIO

from firstpass.errors import FirstpassError
from firstpass.models.artifacts import MAX_TEXT_BYTES
from firstpass.models.classes import ClassTable, ModelClass
from firstpass.models.version import Kind

NAMES_ONLY = ("labels",)
WITH_IDS = ("labels", "id")
_MAX_ID = 2**31 - 1


@dataclass(frozen=True, slots=True)
class ClassRow:
    """One class as the file has it.

    row: line in the file, from 1, the header counted. name: in Unicode NFC, space around it removed, maybe empty.
    id: as written, or the row's number among the classes in the dialect without ids.
    """

    row: int
    name: str
    id: int


def parse(data: bytes, kind: Kind, name: str = "classes.csv") -> list[ClassRow]:
    """The rows of a classes.csv that stands beside weights of `kind`, as in the file; blank lines are no rows.

    Raises FirstpassError, naming the file, the row and the value, for what is not such a table, and for the dialect of
    the other kind of training: its ids would be guesses, and a guess labels every image wrong.
    """
    lines = csv.reader(StringIO(decode_text(data, name), newline=""), strict=True)
    dialect: tuple[str, ...] | None = None
    rows: list[ClassRow] = []
    try:
        for fields in lines:
            if not fields:
                continue
            if dialect is None:
                dialect = _dialect(fields, kind, f"{name} row {lines.line_num}")
                continue
            rows.append(_row(fields, lines.line_num, dialect, len(rows) + 1, name))
    except csv.Error as error:
        raise FirstpassError(
            f"{name} row {lines.line_num}: {error}", 'quote a name that holds a comma or a quote: "a ""big"" one, red"'
        ) from error
    if dialect is None:
        raise FirstpassError(
            f"{name} is empty", f"write the header {','.join(_dialect_of(kind))} and a row for each class"
        )
    return rows


def class_table(rows: list[ClassRow]) -> ClassTable:
    """The table with the ids that the network emits: 1..N in ascending order of the file's ids, gaps closed."""
    ordered = sorted(rows, key=lambda row: row.id)
    return ClassTable(tuple(ModelClass(i, row.name) for i, row in enumerate(ordered, 1)))


def decode_text(data: bytes, name: str) -> str:
    """A small text file's text, its byte order mark removed.

    Raises FirstpassError naming the row of the first byte that is not UTF-8.
    """
    if len(data) > MAX_TEXT_BYTES:
        raise FirstpassError(
            f"{name} has {len(data)} bytes, more than {MAX_TEXT_BYTES}: this is no such file", "copy the right file"
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = data.count(b"\n", 0, error.start) + 1
        raise FirstpassError(
            f"{name} row {row}: byte 0x{data[error.start]:02x} is not UTF-8", "save the file as UTF-8"
        ) from error
    return text


def normalise(name: str) -> str:
    """A class name as this project compares and stores it: Unicode NFC, no space around it."""
    return unicodedata.normalize("NFC", name).strip()


def _dialect_of(kind: Kind) -> tuple[str, ...]:
    return WITH_IDS if kind is Kind.MASK_RCNN else NAMES_ONLY


def _dialect(fields: list[str], kind: Kind, where: str) -> tuple[str, ...]:
    header = tuple(field.strip() for field in fields)
    wanted = _dialect_of(kind)
    if header == wanted:
        return header
    asked = f"write the header {','.join(wanted)}"
    if header == NAMES_ONLY:
        raise FirstpassError(
            f"{where}: the header is labels, without ids, but the weights are Mask R-CNN's, which come with labels,id",
            "take the classes.csv of the same training run, or add the column id with the dataset's category ids",
        )
    if header == WITH_IDS:
        raise FirstpassError(
            f"{where}: the header is labels,id, as Mask R-CNN training writes it, but the weights are a TF Object "
            "Detection API graph, whose ids are row numbers",
            "take the classes.csv of the same training run, or write only labels, in the order of label_map.json",
        )
    raise FirstpassError(f"{where}: the header is {reprlib.repr(','.join(header))}, not {','.join(wanted)}", asked)


def _row(fields: list[str], line: int, dialect: tuple[str, ...], number: int, name: str) -> ClassRow:
    if len(fields) != len(dialect):
        raise FirstpassError(
            f"{name} row {line}: {len(fields)} columns in {reprlib.repr(','.join(fields))}, {len(dialect)} expected",
            'quote a name that holds a comma ("traffic light, red")'
            if len(fields) > len(dialect)
            else "write the class's name and its id",
        )
    label = normalise(fields[0])
    return ClassRow(line, label, number if dialect == NAMES_ONLY else _id(fields[1], f"{name} row {line}"))


def _id(text: str, where: str) -> int:
    digits = text.strip()
    if not (digits.isascii() and digits.isdigit()) or not 1 <= int(digits[:11]) <= _MAX_ID:
        raise FirstpassError(
            f"{where}: the id is {reprlib.repr(text)}",
            "write a whole number from 1; 0 is the background and has no row",
        )
    return int(digits)

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

from firstpass.contracts.class_table import ClassTable, ModelClass
from firstpass.errors import FirstpassError
from firstpass.models.kinds import kind_of
from firstpass.models.text_files import decode_text

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


def parse(data: bytes, kind: str, name: str = "classes.csv") -> list[ClassRow]:
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


def cleaned(name: str) -> str:
    """A class name as this project stores it: Unicode NFC, no space around it."""
    return unicodedata.normalize("NFC", name).strip()


def _dialect_of(kind: str) -> tuple[str, ...]:
    return WITH_IDS if kind_of(kind).class_ids == "listed" else NAMES_ONLY


def _dialect(fields: list[str], kind: str, where: str) -> tuple[str, ...]:
    header = tuple(field.strip() for field in fields)
    wanted = _dialect_of(kind)
    if header == wanted:
        return header
    asked = f"write the header {','.join(wanted)}"
    if header == NAMES_ONLY:
        raise FirstpassError(
            f"{where}: the header is labels, without ids, but beside {kind_of(kind).title} it is labels,id",
            "take the classes.csv of the same training run, or add the column id with the dataset's category ids",
        )
    if header == WITH_IDS:
        raise FirstpassError(
            f"{where}: the header is labels,id, but beside {kind_of(kind).title} it is labels: ids are row numbers",
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
    label = cleaned(fields[0])
    return ClassRow(line, label, number if dialect == NAMES_ONLY else _id(fields[1], f"{name} row {line}"))


def _id(text: str, where: str) -> int:
    digits = text.strip()
    if not (digits.isascii() and digits.isdigit()) or not 1 <= int(digits[:11]) <= _MAX_ID:
        raise FirstpassError(
            f"{where}: the id is {reprlib.repr(text)}",
            "write a whole number from 1; 0 is the background and has no row",
        )
    return int(digits)

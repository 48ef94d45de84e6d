"""JSON that is written as it is made: memory does not grow with the number of rows."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TextIO

to_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode  # made once: json.dumps makes one per call


def open_json(path: Path) -> TextIO:
    """A new file for JSON. Halves of characters, which UTF-8 cannot hold, are written as JSON's own escapes."""
    return path.open("w", encoding="utf-8", newline="\n", errors="backslashreplace")


def write_rows(file: TextIO, rows: Iterable[Any]) -> None:
    """The elements of a JSON array, a line each; the brackets are the caller's."""
    separator = "\n"
    for row in rows:
        file.write(separator + to_json(row))
        separator = ",\n"

"""Reads `.env`: the one reading that settings, the command line and the stack share.

The form is the one that shells, python-dotenv and Docker Compose have in common: `NAME=value`, `export` in front,
spaces around `=`, quotes, comments, CRLF and a byte order mark are all understood. What they read differently is
refused.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from dotenv.parser import Binding, parse_stream
from dotenv.variables import Variable, parse_variables

from firstpass.errors import FirstpassError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class WrittenVariable:
    """One variable: its value, not in `repr` because it may be a secret, and the line that it begins in, from 1."""

    value: str = field(repr=False)
    line: int


def read(path: Path) -> dict[str, WrittenVariable]:
    """Name → entry; nothing for a file that is not there.

    `${NAME}` and `${NAME:-default}` outside of single quotes stand for variables of the file above them, else of this
    process's environment. Raises FirstpassError, naming file and line and never a value, for what is no `NAME=value`, a
    quote that does not end, a value that begins with `#`, a reference to nothing, a name with two different values, and
    a file that cannot be read or is not UTF-8.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _entries(path, parse_stream(file))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise FirstpassError(
            f"{path} cannot be read: {error.strerror if isinstance(error, OSError) else 'it is not UTF-8'}",
            "make it a text file in UTF-8 that its owner can read",
        ) from None


def _entries(path: Path, bindings: Iterable[Binding]) -> dict[str, WrittenVariable]:
    found: dict[str, WrittenVariable] = {}
    for binding in bindings:
        text = binding.original.string.lstrip()
        if binding.key is None and not binding.error:
            continue  # blank, or a comment
        line = binding.original.line + _newlines(binding.original.string) - _newlines(text)
        name = _name(path, line, text, binding)
        entry = WrittenVariable(_resolved(path, line, name, text, binding.value or "", found), line)
        if name in found and found[name].value != entry.value:
            raise FirstpassError(
                f"{path} has two values for {name}, in lines {found[name].line} and {line}", "keep one of them"
            )
        found.setdefault(name, entry)
    return found


def _name(path: Path, line: int, text: str, binding: Binding) -> str:
    """The name of the binding. Raises FirstpassError unless it is a name with a value that is read as it is meant."""
    where = f"{path}, line {line}"
    name, equals, value = re.sub(r"^export\s+", "", text).partition("=")
    if binding.error and equals and value.lstrip()[:1] in ("'", '"'):
        problem = f"{where}: the quotes around the value of {name.strip()} do not end, or more follows them"
        raise FirstpassError(problem, "put the whole value between two quotes of one kind")
    if binding.error or binding.key is None or binding.value is None or not _NAME.fullmatch(binding.key):
        raise FirstpassError(f"{where} is not NAME=value", "write NAME=value, or begin the line with # for a comment")
    if value.startswith("#"):
        raise FirstpassError(
            f"{where}: the value of {binding.key} begins with #",
            "put a value like that into quotes, and a comment on a line of its own",
        )
    return binding.key


def _resolved(path: Path, line: int, name: str, text: str, value: str, found: dict[str, WrittenVariable]) -> str:
    if re.match(r"[^=]*=\s*'", text):  # single quotes: as it stands, like in a shell
        return value
    known = dict(os.environ) | {key: entry.value for key, entry in found.items()}
    atoms = list(parse_variables(value))
    for atom in atoms:
        if isinstance(atom, Variable) and atom.default is None and atom.name not in known:
            raise FirstpassError(
                f"{path}, line {line}: the value of {name} refers to {atom.name}, which is not set",
                f"set {atom.name} above that line, or put the value into single quotes to take it as it stands",
            )
    return "".join(atom.resolve(known) for atom in atoms)


def _newlines(text: str) -> int:
    return len(re.findall(r"\r\n|\n|\r", text))

"""Pieces of Markdown that several pages need."""

from __future__ import annotations

import inspect
import re
from collections.abc import Collection, Iterable, Sequence

GENERATED = "<!-- Written by docs/generate_reference.py from the code: change it there, then run `make docs`. -->\n"

_VARIABLE = re.compile(r"(?<![`\w])((?:FIRSTPASS|AIRFLOW)_[A-Z0-9_]*[A-Z0-9]…?)(?![`\w])")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; pipes inside of cells are escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def prose(text: str) -> str:
    """The same text with the names of variables in code."""
    return _VARIABLE.sub(r"`\1`", text)


def line(text: str) -> str:
    """`prose` in one line, as a table's cell needs it."""
    return prose(" ".join(text.split()))


def docstring(text: str, names: Collection[str] = ()) -> str:
    """A docstring as Markdown: paragraphs, examples as code, and a list where it says `name: …` of one of `names`."""
    return "\n".join(_block(block, names) for block in inspect.cleandoc(text).split("\n\n"))


def _block(block: str, names: Collection[str]) -> str:
    if block.startswith(">>> "):
        return f"```pycon\n{block}\n```\n"
    if block.startswith("- "):
        return prose(block) + "\n"
    text = line(block)
    if not names:
        return text + "\n"
    one = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
    start = re.compile(rf"(?:^|(?<=[.;:)] ))((?:{one})(?:, (?:{one}))*): ")
    before, *rest = start.split(text)
    items = []
    for said, description in zip(rest[::2], rest[1::2], strict=True):
        terms = ", ".join(f"`{name}`" for name in said.split(", "))
        items.append(f"- {terms}: {description.strip().rstrip(';.')}.")
    lines = [before.strip()] if before.strip() else []
    return "\n".join([*lines, *([""] if lines and items else []), *items]) + "\n"

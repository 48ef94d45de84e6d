"""What an examination finds: an item, how it stands, in words, and what to do. `firstpass doctor` collects them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Standing(StrEnum):
    """How an item stands. A problem needs a person before the next night; a warning does not."""

    OK = "ok"
    UNUSED = "not used"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """item: what was looked at, in a word or two. words: what was found. fix: what to do; empty where all is well."""

    item: str
    standing: Standing
    words: str
    fix: str = ""


def ok(item: str, words: str) -> Finding:
    """All is well."""
    return Finding(item, Standing.OK, words)


def unused(item: str, words: str) -> Finding:
    """It is not configured, or not running, and nothing needs it now."""
    return Finding(item, Standing.UNUSED, words)


def warning(item: str, words: str, fix: str) -> Finding:
    """A night works, and something is worth a person's look."""
    return Finding(item, Standing.WARNING, words, fix)


def problem(item: str, words: str, fix: str) -> Finding:
    """A night would fail, or be incomplete."""
    return Finding(item, Standing.PROBLEM, words, fix)

"""What a value in model.yaml may be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class OptionRule:
    """`fits` tells whether a value is allowed; `says` completes the sentence "write …" for one that is not."""

    says: str
    fits: Callable[[Any], bool]


def share() -> OptionRule:
    """A number from 0 to 1."""
    return OptionRule("a number from 0 to 1", lambda value: _number(value) and 0 <= value <= 1)


def whole_number(low: int, high: int) -> OptionRule:
    """A whole number within these bounds, both included."""
    return OptionRule(
        f"a whole number from {low} to {high}",
        lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high,
    )


def numbers(low: float, high: float, least: int, most: int) -> OptionRule:
    """A list of `least` to `most` numbers within these bounds, all included."""
    many = f"{least}" if least == most else f"{least} to {most}"
    return OptionRule(
        f"a list of {many} numbers from {low:g} to {high:g}",
        lambda value: (
            isinstance(value, list)
            and least <= len(value) <= most
            and all(_number(item) and low <= item <= high for item in value)
        ),
    )


def one_of(*choices: str) -> OptionRule:
    """One of these texts."""
    return OptionRule(f"one of {', '.join(choices)}", lambda value: isinstance(value, str) and value in choices)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

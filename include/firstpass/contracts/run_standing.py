"""How a run stands, in one word: what every list and page says of it."""

from __future__ import annotations

from typing import Literal

Standing = Literal["failed", "held back", "partial", "warnings", "passed", "nothing to check", "running", "not checked"]

TONES: dict[Standing, Literal["bad", "warn", "good", "soft"]] = {
    "failed": "bad",
    "held back": "bad",
    "partial": "warn",
    "warnings": "warn",
    "passed": "good",
    "nothing to check": "soft",
    "running": "soft",
    "not checked": "soft",
}
"""The tone in which each is said. Only `passed` is good."""


def standing(state: str, verdict: str | None) -> Standing:
    """From the run's state and its checks' verdict (None: not checked): the gravest that is true of it."""
    if state == "failed":
        return "failed"
    if state == "running":
        return "running"
    if verdict == "failed":
        return "held back"
    if state == "partial":
        return "partial"
    if verdict == "warnings":
        return "warnings"
    if verdict == "passed":
        return "passed"
    return "nothing to check" if verdict else "not checked"

"""How a run stands, in one word: the gravest that is true of it."""

from __future__ import annotations

from typing import get_args

import pytest

from firstpass.contracts.run_standing import TONES, Standing, standing


@pytest.mark.parametrize(
    ("state", "verdict", "said"),
    [
        ("failed", None, "failed"),
        ("failed", "passed", "failed"),
        ("running", "passed", "running"),
        ("success", "failed", "held back"),
        ("partial", "failed", "held back"),
        ("partial", "warnings", "partial"),
        ("partial", "passed", "partial"),
        ("partial", None, "partial"),
        ("success", "warnings", "warnings"),
        ("success", "passed", "passed"),
        ("success", "nothing to check", "nothing to check"),
        ("success", None, "not checked"),
    ],
)
def test_the_gravest_is_said(state, verdict, said):
    assert standing(state, verdict) == said


def test_only_what_passed_is_green():
    assert TONES.keys() == set(get_args(Standing))
    assert [name for name, tone in TONES.items() if tone == "good"] == ["passed"]

"""The stages of a night are the same wherever they are named. tests/dags compares them with the DAG itself."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from firstpass.contracts.stages import STAGES
from firstpass.nightly import preannotate

ROOT = Path(__file__).resolve().parents[2]


def test_they_are_in_the_order_in_which_a_night_goes_through_them():
    assert STAGES == (
        "resolve_model",
        "admit_model",
        "catalogue_images",
        "plan_chunks",
        "infer",
        "merge",
        "check",
        "report",
    )


@pytest.mark.parametrize("stage", STAGES)
def test_each_is_a_function_of_the_night(stage):
    assert inspect.isfunction(getattr(preannotate, stage))


def test_the_architecture_explains_each_in_its_order():
    text = (ROOT / "docs" / "architecture.md").read_text()
    assert tuple(re.findall(r"^\d+\. \*\*(\w+)\*\* ", text, re.MULTILINE)) == STAGES

"""The table in the reference is what commands exit with."""

from __future__ import annotations

import re
from pathlib import Path

from firstpass.cli import exit_codes
from firstpass.errors import NEEDS_A_PERSON, TRY_LATER

COMMANDS = Path(__file__).resolve().parents[2] / "docs" / "reference" / "commands.md"


def test_every_code_is_in_the_reference():
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", COMMANDS.read_text(encoding="utf-8"), re.MULTILINE)}
    assert listed == set(exit_codes.EXIT_CODES) == {0, 1, 2, 3, 75, 130, 143}


def test_each_has_one_meaning():
    codes = [exit_codes.INCOMPLETE, NEEDS_A_PERSON, exit_codes.DOWN, TRY_LATER, exit_codes.INTERRUPTED]
    assert codes == [1, 2, 3, 75, 130]
    assert exit_codes.TERMINATED == 143

"""What is typed after `make` is taken, or refused by name; nothing is passed over."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def make(*arguments: str, folder: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    """`make …` that only says what it would do, as from a shell of its own."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "FIRSTPASS_"))}
    command = ["make", "--dry-run", *arguments]
    return subprocess.run(command, cwd=folder, env=clean | environment, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("IMAGE=/photos", "IMAGES"), ("TRESHOLD=0.4", "THRESHOLD"), ("images=/photos", "IMAGES"), ("MODLE=x", "MODEL")],
)
def test_a_misspelt_variable_is_refused_with_the_right_one(typed, meant):
    refused = make("run", typed)
    assert refused.returncode == 2
    assert f"there is no variable {typed.split('=')[0]}: did you mean {meant}?" in refused.stderr
    assert refused.stdout == ""


def test_one_that_is_like_nothing_is_told_what_there_is():
    refused = make("up", "COLOUR=red")
    assert "there is no variable COLOUR; there are IMAGES MODEL THRESHOLD PYTHON UV_LINK_MODE and settings" in (
        refused.stderr
    )


@pytest.mark.parametrize(
    "typed",
    [
        ("IMAGES=/my photos", "MODEL=pets@aaaa", "THRESHOLD=0.4"),
        ("PYTHON=python3.11", "UV_LINK_MODE=copy", "UV_INDEX_URL=https://pypi.example.org"),
        ("FIRSTPASS_WORKERS=2", "AWS_REGION=x", "https_proxy=http://proxy"),
    ],
)
def test_what_is_read_is_taken(typed):
    taken = make("run", *typed)
    assert taken.returncode == 0, taken.stderr
    assert "firstpass run" in taken.stdout


def test_the_environment_may_have_what_it_likes():
    assert make("run", IMAGE="somebody else's", TRESHOLD="1").returncode == 0


def test_another_makefile_may_have_variables_of_its_own(tmp_path):
    (tmp_path / "Makefile").write_text(f"all:\n\t+$(MAKE) --no-print-directory -C {ROOT} run\n")
    assert "firstpass run" in make("COLOUR=red", folder=tmp_path).stdout


def test_settings_typed_here_are_looked_at_by_name(tmp_path):
    """make itself runs a command that says what it was given."""
    (tmp_path / "Makefile").write_text(
        f"include {ROOT}/Makefile\nsay:\n\t@+echo $$FIRSTPASS_COMMAND_LINE $$FIRSTPASS_WORKRES\n"
    )
    said = make("say", "FIRSTPASS_WORKRES=2", "IMAGES=x", folder=tmp_path).stdout.splitlines()
    assert said[-1] == "FIRSTPASS_WORKRES 2"

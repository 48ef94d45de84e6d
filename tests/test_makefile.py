"""What is typed after `make` is taken, or refused by name; the Python that is there makes the environment."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def make(*arguments: str, folder: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    """`make …` that only says what it would do, as from a shell of its own."""
    command = [shutil.which("make") or "make", "--dry-run", *arguments]
    return subprocess.run(command, cwd=folder, env=outside() | environment, capture_output=True, text=True)


def outside() -> dict[str, str]:
    """The environment, without what `make test` adds to it."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "FIRSTPASS_"))}


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
    assert "there is no variable COLOUR; there are IMAGES MODEL THRESHOLD OPEN PYTHON UV_LINK_MODE and settings" in (
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


@pytest.mark.parametrize(("typed", "opened"), [((), False), (("OPEN=1",), True), (("OPEN=0",), False)])
def test_the_report_is_opened_when_asked_for(typed, opened):
    assert (" --open" in make("run", *typed).stdout) == opened


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


def only_python(folder: Path, **versions: str) -> dict[str, str]:
    """A PATH on which there are but these Pythons, by name; each takes itself for the version given."""
    programs = folder / "programs"
    programs.mkdir()
    for name, version in versions.items():
        pretend = f"import sys; sys.version_info = {tuple(map(int, version.split('.')))}; exec(sys.argv.pop(1))"
        (programs / name).write_text(f"#!/bin/sh\nshift\nexec {sys.executable} -c '{pretend}' \"$@\"\n")
        (programs / name).chmod(0o755)
    for name in ("Makefile", "requirements.txt", "requirements-dev.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    return {"PATH": str(programs)}


def test_a_python_3_11_makes_the_environment_itself(tmp_path):
    done = make("run", folder=tmp_path, **only_python(tmp_path, python3="3.11.9"))
    assert "python3 -m venv .venv &&" in done.stdout
    assert "uv venv" not in done.stdout


@pytest.mark.parametrize("name", ["python3", "python"])
def test_where_python_3_11_is_missing_uv_fetches_it_and_that_is_said(tmp_path, name):
    done = make("run", folder=tmp_path, **only_python(tmp_path, **{name: "3.13.1"}))
    assert done.returncode == 0, done.stderr
    steps = [
        "There is no Python 3.11 here: uv fetches one",
        f"{name} -m venv .venv/other &&",
        ".venv/other/bin/python -m pip install --quiet --disable-pip-version-check \"$(sed -n 's/^\\(uv==",
        ".venv/other/bin/uv venv --quiet --allow-existing --python 3.11 .venv",
        "Install Python 3.11 or name one: PYTHON=/path/to/python3.11",
        ".venv/bin/uv pip install --quiet --compile-bytecode --require-hashes -r requirements.txt",
    ]
    places = [done.stdout.find(step) for step in steps]
    assert -1 not in places, steps[places.index(-1)]
    assert places == sorted(places)


def test_a_python_that_is_named_is_the_one(tmp_path):
    done = make("run", "PYTHON=/opt/python3.11", folder=tmp_path, **only_python(tmp_path, python3="3.13.1"))
    assert "/opt/python3.11 -m venv .venv &&" in done.stdout
    assert "uv venv" not in done.stdout


@pytest.mark.parametrize("there", [{}, {"python3": "3.8.20"}])
def test_without_any_python_it_says_what_to_install(tmp_path, there):
    done = make("run", folder=tmp_path, **only_python(tmp_path, **there))
    assert "Firstpass needs Python 3.11: install it, or any other Python from 3.9 on" in done.stdout
    assert "-m venv" not in done.stdout


def test_a_misspelt_variable_is_told_without_python_3_11(tmp_path):
    refused = make("run", "IMAGE=x", folder=tmp_path, **only_python(tmp_path, python3="3.13.1"))
    assert "did you mean IMAGES?" in refused.stderr


@pytest.mark.parametrize(("command", "code", "lines"), [("true", 0, 2), ("false", 2, 1)])
def test_a_step_is_announced_before_it_is_done_and_fails_as_it_does(tmp_path, command, code, lines):
    (tmp_path / "Makefile").write_text(f"include {ROOT}/Makefile\nstep:\n\t@$(call timed,Installing,{command})\n")
    done = subprocess.run(["make", "step"], cwd=tmp_path, env=outside(), capture_output=True, text=True)
    assert done.returncode == code
    said = done.stdout.splitlines()
    assert said[0] == "Installing"
    assert len(said) == lines, "how long it took is said of what was done"

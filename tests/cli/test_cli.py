from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from firstpass.cli import COMMANDS

FIRSTPASS = Path(sys.executable).with_name("firstpass")


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "airflow"])  # whose --help is Airflow's
def test_every_command_explains_itself(call, name):
    result = call(name, "--help")
    assert result.exit_code == 0, result.exception
    assert len(result.stdout.splitlines()) > 4


def test_help_imports_no_command():
    code = (
        "import sys; from firstpass.cli import cli;"
        " cli(['--help'], standalone_mode=False); print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())
    assert not loaded & {"firstpass.cli.run", "rich", "httpx", "psycopg2", "airflow", "tensorflow"}


def test_an_error_for_people_is_two_lines_and_exit_code_2():
    done = subprocess.run([FIRSTPASS, "run", "--threshold", "1.5"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "firstpass: threshold is 1.5",
        "  What to do: give a number from 0 to 1, for example 0.4",
    ]

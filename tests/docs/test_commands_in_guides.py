"""Each `firstpass` command that a page shows exists, with the options that it shows."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from firstpass.cli import cli

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "docs").glob("guides/*.md")]
SHOWN = re.compile(r"^ *\$ (?:[A-Z_]+=\S+ )*(?:\S*/)?firstpass (.*)$", re.MULTILINE)
LINES = sorted(
    {(page.relative_to(ROOT).as_posix(), line) for page in PAGES for line in SHOWN.findall(page.read_text())}
)


def test_commands_are_found():
    assert ("docs/guides/operating.md", "warehouse backup /backups/warehouse.dump") in LINES


@pytest.mark.parametrize(("page", "line"), LINES)
def test_a_command_exists_with_its_options(page, line):
    words = re.split(r"\s#|[|;&>\"'(]", line)[0]
    command, rest = cli, shlex.split(words)
    context = click.Context(cli)
    while rest and isinstance(command, click.Group):
        if rest[0].startswith("-"):
            break
        found = command.get_command(context, rest.pop(0))
        assert found is not None, line
        command = found
    if command.context_settings.get("ignore_unknown_options"):  # Airflow's own
        return
    known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    known |= {"--help", "-h"}
    for word in rest:
        if word.startswith("--"):
            assert word.split("=")[0] in known, line

"""The house stands as the design draws it: rooms import in one direction, and the README names what there is."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "include" / "firstpass"
ROOMS = ["models", "images", "chunks", "pods", "inference", "warehouse", "quality", "cvat"]


def imports(path: Path) -> set[str]:
    """The firstpass modules that a file imports at its top; what functions import later is their own affair."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = []
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {name for name in found if name.startswith("firstpass.")}


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_earlier_rooms(room):
    later = [*ROOMS[ROOMS.index(room) + 1 :], "nightly", "stack", "cli"]
    for path in (PACKAGE / room).rglob("*.py"):
        for name in imports(path):
            assert name.split(".")[1] not in later, f"{path.relative_to(ROOT)} imports {name}"


def test_modules_stay_readable():
    for path in [*PACKAGE.rglob("*.py"), *(ROOT / "plugins").rglob("*.py")]:
        lines = len(path.read_text().splitlines())
        assert lines <= 300, f"{path.relative_to(ROOT)} has {lines} lines: split it by concern"
    for path in (ROOT / "dags").glob("*.py"):
        assert len(path.read_text().splitlines()) <= 200, f"{path.name}: DAG files are wiring"


def test_the_readme_names_every_setting():
    from firstpass.settings import Settings

    readme = (ROOT / "README.md").read_text()
    for name in Settings.model_fields:
        assert f"| `FIRSTPASS_{name.upper()}` |" in readme, name


def test_the_readme_names_every_command():
    from firstpass.cli import COMMANDS

    readme = (ROOT / "README.md").read_text()
    for name in COMMANDS:
        assert f"firstpass {name}" in readme, name


def test_the_readme_names_every_make_target():
    readme = (ROOT / "README.md").read_text()
    for line in (ROOT / "Makefile").read_text().splitlines():
        if "  ## " in line:
            for target in line.split(":")[0].split():
                assert f"make {target}" in readme, target


def test_every_setting_is_described():
    from firstpass.settings import Settings

    for name, field in Settings.model_fields.items():
        assert field.description, name

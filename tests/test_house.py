"""The house stands as the design draws it. Which way imports point, import-linter holds: `make lint`."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "include" / "firstpass"
MODULES = sorted(PACKAGE.rglob("*.py"))

# Which room's tables these are. The warehouse's own it keeps to itself: other rooms ask its functions or its views.
TABLES = {
    "warehouse": {"models", "classes", "runs", "chunks", "images", "outcomes", "predictions", "image_faults"}
    | {"quality_results", "quality_verdicts", "series", "listings", "standing_outcomes"},
    "quality": {"quality_profiles"},
    "cvat": {"publications", "shape_ledger", "label_mappings"},
}
# Parallel by design: sibling packages behind one Protocol, and commands named like what they call.
ALIKE = ("models/detectors/", "cli/", "contracts/detector.py", "contracts/detector_kind.py")


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0]


def test_modules_stay_readable():
    for path in [*MODULES, *(ROOT / "plugins").rglob("*.py")]:
        lines = len(path.read_text().splitlines())
        assert lines <= 300, f"{path.relative_to(ROOT)} has {lines} lines: split it by concern"
    for path in (ROOT / "dags").glob("*.py"):
        assert len(path.read_text().splitlines()) <= 200, f"{path.name}: DAG files are wiring"


def test_no_two_classes_have_one_name():
    found = defaultdict(list)
    for path in MODULES:
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef):
                found[node.name].append(str(path.relative_to(PACKAGE)))
    assert {name: places for name, places in found.items() if len(places) > 1} == {}


def test_no_two_modules_have_one_name():
    found = defaultdict(list)
    for path in MODULES:
        name = str(path.relative_to(PACKAGE))
        if path.stem != "__init__" and not name.startswith(ALIKE):
            found[path.stem].append(name)
    assert {name: places for name, places in found.items() if len(places) > 1} == {}


def test_no_room_queries_another_ones_tables():
    owner = {table: owner for owner, tables in TABLES.items() for table in tables}
    sources = [*MODULES, *PACKAGE.rglob("batches/*.sql")]
    for path in sources:
        for table in re.findall(r"\b(?:FROM|JOIN|INTO|UPDATE|USING)\s+([a-z_]+)\b", path.read_text()):
            if table in owner:
                assert owner[table] == room(path), f"{path.relative_to(PACKAGE)} queries {table}, {owner[table]}'s"


def test_every_table_has_an_owner(warehouse):
    with warehouse, warehouse.cursor() as cur:
        cur.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'schema_migrations'")
        assert {name for (name,) in cur} == set().union(*TABLES.values())


@pytest.mark.parametrize("folder", ["include", "dags", "plugins"])
def test_nothing_outside_of_cli_names_a_door_of_the_house(folder):
    """No part of the package reaches for dags/ or plugins/, which come after it."""
    for path in (ROOT / folder).rglob("*.py"):
        if "firstpass" in path.parts:
            assert not re.search(r"^\s*(from|import) (dags|plugins)\b", path.read_text(), re.MULTILINE), path


def test_the_reference_has_every_setting():
    from firstpass.settings import Settings

    reference = (ROOT / "docs" / "reference" / "settings.md").read_text()
    for name in Settings.model_fields:
        assert f"| `FIRSTPASS_{name.upper()}` |" in reference, name


def test_the_reference_has_every_command():
    from firstpass.cli import COMMANDS

    reference = (ROOT / "docs" / "reference" / "commands.md").read_text()
    for name in COMMANDS:
        assert f"\n## firstpass {name}\n" in reference, name


def test_every_setting_is_described():
    from firstpass.settings import Settings

    for name, field in Settings.model_fields.items():
        assert field.description, name

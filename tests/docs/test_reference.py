"""The references are what the code says now: a setting, command, DAG or parameter that is not in them fails here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = ("settings.md", "commands.md", "dags.md", "python.md", "versions.md")


@pytest.fixture(scope="module")
def generated(tmp_path_factory) -> Path:
    """What the script writes, in a process of its own: it sets Airflow's environment before it imports anything."""
    folder = tmp_path_factory.mktemp("reference")
    script = DOCS / "generate_reference.py"
    done = subprocess.run([sys.executable, script, folder], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_what_the_code_says(generated, page):
    written = (DOCS / "reference" / page).read_text()
    assert written == (generated / page).read_text(), "run `make docs` and commit docs/reference"


def test_there_are_no_other_pages(generated):
    assert {path.name for path in (DOCS / "reference").iterdir()} == set(PAGES)
    assert {path.name for path in generated.iterdir()} == set(PAGES)


def test_nothing_depends_on_the_machine_that_wrote_it(generated):
    for page in PAGES:
        text = (generated / page).read_text()
        assert str(DOCS.parent) not in text
        assert "/tmp/" not in text
        assert " object at 0x" not in text

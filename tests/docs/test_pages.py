"""The pages that people read first, and rules that all pages keep."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FRONT = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
PAGES = sorted(path for path in (ROOT / "docs").rglob("*.md") if "_build" not in path.parts)
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("0*.md"))


def headings(path: Path) -> set[str]:
    """The anchors of a page, as MyST and GitHub write them."""
    lines = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.MULTILINE | re.DOTALL).splitlines()
    titles = [line.lstrip("#").strip() for line in lines if re.match(r"#+ ", line)]
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_readme_is_one_page():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 160


@pytest.mark.parametrize("name", FRONT)
def test_every_link_leads_somewhere(name):
    for target in re.findall(r"\]\(([^)\s]+)\)", (ROOT / name).read_text()):
        if "://" not in target:
            path, _, anchor = target.partition("#")
            assert (ROOT / path).exists(), target
            assert not anchor or anchor in headings(ROOT / path), target


def test_the_readme_leads_to_every_guide():
    readme = (ROOT / "README.md").read_text()
    for page in (ROOT / "docs" / "guides").glob("*.md"):
        assert f"(docs/guides/{page.name})" in readme, page.name


def test_every_make_target_is_explained():
    texts = "\n".join(path.read_text() for path in (ROOT / "CONTRIBUTING.md", *PAGES))
    for line in (ROOT / "Makefile").read_text().splitlines():
        if "  ## " in line:
            for target in line.split(":")[0].split():
                assert f"make {target}" in texts, target


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_has_its_three_sections_and_a_date(path):
    lines = path.read_text().splitlines()
    assert 15 <= len(lines) <= 40
    assert lines[0].startswith(f"# {path.name[:4]}: ")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", lines[2])
    sections = [line for line in lines if line.startswith("## ")]
    assert sections == ["## Context", "## Decision", "## What would change our mind"]


def test_decisions_are_numbered_without_gaps_and_listed():
    assert [int(path.name[:4]) for path in DECISIONS] == list(range(1, len(DECISIONS) + 1))
    index = (ROOT / "docs" / "decisions" / "index.md").read_text()
    assert re.findall(r"^\d{4}-.*$", index, re.MULTILINE) == [path.stem for path in DECISIONS]


def test_every_example_has_a_walk_through():
    texts = "\n".join(path.read_text() for path in (ROOT / "docs" / "extend").glob("*.md"))
    for module in (ROOT / "docs" / "examples").glob("*/*.py"):
        shown = module.relative_to(ROOT / "docs").as_posix()
        assert f"{{literalinclude}} ../{shown}" in texts
        assert f"{{literalinclude}} ../{shown.rsplit('/', 1)[0]}/pyproject.toml" in texts


@pytest.mark.parametrize("path", [*(ROOT / name for name in FRONT), *PAGES], ids=lambda path: path.stem)
def test_no_page_shows_whose_machine_it_was_written_on(path):
    text = path.read_text()
    assert str(ROOT) not in text
    assert not re.search(r"(?<![\w.])/(home|root|Users)/", text)


@pytest.mark.parametrize("path", [*(ROOT / name for name in FRONT), *PAGES], ids=lambda path: path.stem)
def test_lines_are_short_enough_to_review(path):
    """Tables, code and generated pages cannot be wrapped."""
    if path.parent.name == "reference":
        return
    text = re.sub(r"^ *```.*?^ *```", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
    for line in text.splitlines():
        assert len(line) <= 120 or line.startswith("|"), line

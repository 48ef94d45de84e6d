"""The site builds without a warning: every link, heading and included file that a page names is there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OPTIONS = ("-W", "--keep-going", "-n", "-q")


@pytest.fixture(scope="module")
def build():
    """Sphinx with the options of `make docs`."""

    def run(source: Path, out: Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "sphinx", *OPTIONS, "-d", out / "doctrees", source, out / "html"]
        return subprocess.run(list(map(str, command)), capture_output=True, text=True)

    return run


def test_the_site_builds_without_a_warning(build, tmp_path):
    done = build(ROOT / "docs", tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "html" / "index.html").is_file()


def test_make_docs_builds_it_with_the_same_options():
    recipe = (ROOT / "Makefile").read_text()
    assert f"-m sphinx {' '.join(OPTIONS)} docs docs/_build/html" in recipe


def test_a_broken_link_fails_the_build(build, tmp_path):
    source = tmp_path / "docs"
    (source / "_static").mkdir(parents=True)
    (source / "conf.py").write_text((ROOT / "docs" / "conf.py").read_text().replace('["site.css"]', "[]"))
    (source / "index.md").write_text("# Home\n\n[here](#not-there) and [there](other.md#nowhere)\n")
    done = build(source, tmp_path / "out")
    assert done.returncode != 0
    assert "not-there" in done.stderr
    assert "other.md" in done.stderr

"""The page of supported versions and the lock files say the same, and `make lock` proves it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from firstpass.cvat.server.cvat_examination import OLDEST
from firstpass.warehouse.warehouse_examination import OLDEST_POSTGRES

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.txt", "docker/inference/requirements.txt")


@pytest.fixture
def project(tmp_path):
    """A copy of what the page is made of."""
    for name in ("pyproject.toml", *LOCKS, "docs/reference_pages/versions_page.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "docs" / "reference").mkdir()
    return tmp_path


def written(folder: Path) -> subprocess.CompletedProcess:
    """What `make lock` does at its end; without site-packages, as on a machine that has just Python."""
    script = folder / "docs" / "reference_pages" / "versions_page.py"
    return subprocess.run([sys.executable, "-S", "-I", script], capture_output=True, text=True)


def test_the_page_is_what_the_locks_say(project):
    done = written(project)
    assert done.returncode == 0, done.stderr
    page = (project / "docs" / "reference" / "versions.md").read_text()
    assert page == (ROOT / "docs" / "reference" / "versions.md").read_text(), "run `make lock`, or `make docs`"
    airflow = re.search(r"^apache-airflow==(\S+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE)[1]
    assert f"| `apache-airflow` | 3.3 | {airflow} |" in page


@pytest.mark.parametrize(
    ("lock", "name", "version", "words"),
    [
        (LOCKS[0], "apache-airflow", "3.4.0", "requirements.txt has apache-airflow 3.4.0, and 3.3.* is supported"),
        (LOCKS[0], "apache-airflow", "3.30.0", "has apache-airflow 3.30.0"),
        (LOCKS[1], "tensorflow", "2.22.0", "docker/inference/requirements.txt has tensorflow 2.22.0"),
        (LOCKS[1], "pyarrow", "1.0.0", "pods would get pyarrow 1.0.0"),
    ],
)
def test_a_lock_that_does_not_fit_is_refused(project, lock, name, version, words):
    path = project / lock
    text, count = re.subn(rf"^{name}==\S+", f"{name}=={version}", path.read_text(), flags=re.MULTILINE)
    assert count == 1
    path.write_text(text)
    done = written(project)
    assert done.returncode != 0
    assert words in done.stderr
    assert not (project / "docs" / "reference" / "versions.md").exists()


def test_make_lock_proves_it():
    outside = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}  # of `make test`
    planned = subprocess.run(["make", "--dry-run", "lock"], cwd=ROOT, capture_output=True, text=True, env=outside)
    assert planned.stdout.rstrip().splitlines()[-1].split(" #")[0].endswith("docs/reference_pages/versions_page.py ")


def test_what_people_choose_is_what_the_code_asks_for():
    page = (ROOT / "docs" / "reference" / "versions.md").read_text()
    assert f"| PostgreSQL | {OLDEST_POSTGRES} or newer |" in page
    assert f"| CVAT | {'.'.join(map(str, OLDEST))} or newer |" in page
    guide = (ROOT / "docs" / "guides" / "kubernetes.md").read_text()
    assert f"Kubernetes {re.search(r'Kubernetes . ([0-9.]+) or newer', page)[1]} or newer" in guide
    chart = (ROOT / "docker" / "helm" / "values.yaml").read_text()
    assert f"version {re.search(r'chart . ([0-9.]+) or newer', page)[1]} or newer" in chart

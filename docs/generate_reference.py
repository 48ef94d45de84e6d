"""Writes docs/reference/: settings, commands, DAGs and Python API, as the code defines them now, and the versions.

    .venv/bin/python docs/generate_reference.py [FOLDER]

`make docs` runs it before it builds the site. The pages are committed, and tests/docs/test_reference.py fails when they
differ from what this script writes.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent


def use_defaults(home: Path) -> None:
    """Let settings, Airflow and Firstpass see an empty `home` and no variable of the caller's.

    Call it before either of them is imported: the pages must not depend on the machine that writes them.
    """
    for name in [name for name in os.environ if name.startswith(("FIRSTPASS_", "AIRFLOW"))]:
        del os.environ[name]
    os.environ.update(
        FIRSTPASS_HOME=str(home),
        AIRFLOW_HOME=str(home),
        AIRFLOW__CORE__LOAD_EXAMPLES="False",
        AIRFLOW__CORE__UNIT_TEST_MODE="True",
        AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{home}/airflow.db",
        AIRFLOW__LOGGING__LOGGING_LEVEL="ERROR",
    )


def pages() -> dict[str, str]:
    """File name → Markdown."""
    from reference_pages import commands_page, dags_page, python_page, settings_page, versions_page

    return {
        "settings.md": settings_page.page(),
        "commands.md": commands_page.page(),
        "dags.md": dags_page.page(ROOT / "dags"),
        "python.md": python_page.page(),
        "versions.md": versions_page.page(ROOT),
    }


def main() -> None:
    """Write the pages into the folder that is named, else into docs/reference/."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DOCS / "reference"
    with tempfile.TemporaryDirectory(prefix="firstpass-reference-") as home:
        use_defaults(Path(home))
        for name, text in pages().items():
            (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

"""How the tests are ordered and spread over processes, and the fixtures that rooms share."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest

pytest_plugins = [
    f"fixtures.{name}"
    for name in ("airflow", "cvat", "finished_runs", "inference", "models", "s3", "servers", "warehouse")
]

# A throw-away Airflow with an SQLite database: no test writes into a real one. It reads this when it is first imported.
_AIRFLOW_HOME = tempfile.mkdtemp(prefix="firstpass-airflow-")
atexit.register(shutil.rmtree, _AIRFLOW_HOME, ignore_errors=True)
os.environ.update(
    AIRFLOW_HOME=_AIRFLOW_HOME,
    AIRFLOW__CORE__DAGS_FOLDER=str(Path(__file__).resolve().parents[1] / "dags"),
    AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{_AIRFLOW_HOME}/airflow.db",
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__CORE__UNIT_TEST_MODE="True",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs a stack takes longest, and goes first."""
    items.sort(key=lambda item: item.get_closest_marker("stack") is None)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """In several processes a file stays in one, and so do the files that share the stack.

    The cluster's tests start theirs with other settings, and so have one of their own. (xdist's own groups do nothing
    with pytest 9.2.)
    """
    from xdist.scheduler import LoadScopeScheduling

    class OneStack(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path = nodeid.split("::", 1)[0]
            return "stack" if path.startswith("tests/e2e/") and "cluster" not in path else path

    return OneStack(config, log)

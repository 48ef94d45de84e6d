"""A throw-away Airflow: its own home and an SQLite metadata database, so that no real run or asset event is written."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

HOME = Path(tempfile.mkdtemp(prefix="firstpass-airflow-"))
# Airflow reads its configuration when it is first imported: before any other test, some of which clear the environment.
os.environ.update(
    AIRFLOW_HOME=str(HOME),
    AIRFLOW__CORE__DAGS_FOLDER=str(Path(__file__).resolve().parents[2] / "dags"),
    AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{HOME}/airflow.db",
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__CORE__UNIT_TEST_MODE="True",
)
import airflow.settings  # noqa: E402, F401


@pytest.fixture(scope="session")
def airflow_database():
    """Airflow's metadata database, migrated; removed at the end."""
    from airflow.utils.db import initdb

    initdb()
    yield
    shutil.rmtree(HOME, ignore_errors=True)

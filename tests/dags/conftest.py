"""Airflow's metadata database, for DAGs that are run."""

from __future__ import annotations

import airflow.settings  # noqa: F401 - now: it reads the environment when it is first imported, which some tests clear
import pytest


@pytest.fixture(scope="session")
def airflow_database():
    """Airflow's metadata database, migrated."""
    from airflow.utils.db import initdb

    initdb()

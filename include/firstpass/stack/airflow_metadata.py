"""Airflow's metadata database: brought to the installed version, and asked which runs are under way. No Airflow is
imported for that."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Collection, Mapping
from contextlib import closing
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psycopg2

from firstpass.errors import FirstpassError
from firstpass.settings import home
from firstpass.stack import postgres
from firstpass.stack.environment import pinned
from firstpass.stack.layout import Layout, layout, started_before

_ACTIVE = "state IN ('queued', 'running')"


def is_current(where: Layout) -> bool:
    """Whether the database has the tables of the installed Airflow. The database itself remembers: asking Airflow
    takes seconds at every start."""
    with closing(psycopg2.connect(postgres.dsn("airflow", where))) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = 'airflow'")
        return cursor.fetchall() == [(_wanted(),)]


def migrate(where: Layout, environment: dict[str, str]) -> None:
    """Let Airflow make or change its tables. Raises FirstpassError, naming the log, when that fails."""
    log = where.logs / "migrate.log"
    with log.open("w") as output:
        command = [sys.executable, "-m", "airflow", "db", "migrate"]
        done = subprocess.run(command, env=environment, stdout=output, stderr=output, check=False)
    if done.returncode:
        raise FirstpassError("Airflow's database could not be brought to the installed version", f"see {log}")
    with closing(psycopg2.connect(postgres.dsn("airflow", where))) as connection, connection.cursor() as cursor:
        cursor.execute("COMMENT ON DATABASE airflow IS %s", (_wanted(),))
        connection.commit()


def active_runs(where: Layout) -> list[str]:
    """`DAG run RUN` for each run that is queued or running, oldest first, but for those that wait for a person.

    The database knows when the API server is away, which is when it matters. Raises psycopg2.OperationalError when the
    server does not answer. A database that has no tables yet has no runs.
    """
    connecting = psycopg2.connect(postgres.dsn("airflow", where), connect_timeout=5)
    with closing(connecting) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_tables WHERE tablename IN ('dag_run', 'task_instance')")
        if cursor.fetchall() != [(2,)]:
            return []
        cursor.execute(
            "SELECT dag_id, run_id FROM dag_run WHERE state IN ('queued', 'running') AND NOT EXISTS (SELECT FROM"
            " task_instance t WHERE t.dag_id = dag_run.dag_id AND t.run_id = dag_run.run_id"
            " AND t.state = 'awaiting_input') ORDER BY id"
        )
        return [f"{dag} run {run}" for dag, run in cursor.fetchall()]


class Runs:
    """Which runs have not ended, as Airflow's database has it, in the environment of a process of Airflow's.

    dsn: libpq's; empty where that environment names no PostgreSQL. Then nothing is known to be under way.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        address = environment.get("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "")
        scheme, separator, rest = address.partition("://")
        self.dsn = f"postgresql://{rest}" if separator and scheme.split("+")[0] == "postgresql" else ""

    def unfinished(self, dag_id: str, run_ids: Collection[str]) -> set[str]:
        """Those of the DAG's runs that are queued or running."""
        query = f"SELECT run_id FROM dag_run WHERE dag_id = %s AND run_id = ANY(%s) AND {_ACTIVE}"  # noqa: S608
        return {run_id for (run_id,) in self._rows(query, [dag_id, list(run_ids)])}

    def oldest_unfinished(self) -> dict[str, datetime]:
        """DAG → when its oldest run began that has not ended."""
        began = "min(coalesce(start_date, queued_at, run_after))"
        return dict(self._rows(f"SELECT dag_id, {began} FROM dag_run WHERE {_ACTIVE} GROUP BY 1", []))  # noqa: S608

    def _rows(self, query: str, values: list[Any]) -> list[tuple[Any, ...]]:
        if not self.dsn:
            return []
        with closing(psycopg2.connect(self.dsn, connect_timeout=10)) as connection, connection.cursor() as cursor:
            cursor.execute(query, values)
            return cursor.fetchall()


def log_folder(environment: Mapping[str, str]) -> Path:
    """Airflow's base_log_folder, where the environment, or airflow.cfg as it comes with Firstpass, puts it."""
    named = environment.get("AIRFLOW__LOGGING__BASE_LOG_FOLDER")
    return Path(named) if named else Path(environment.get("AIRFLOW_HOME") or home()) / "logs"


def task_environment() -> dict[str, str] | None:
    """The environment in which a task of the local stack may run Airflow's command line.

    None elsewhere: Airflow keeps its database from tasks, and only here we know where it is all the same.
    """
    if not started_before():
        return None
    where = layout()
    return dict(os.environ) | {
        name: value for name, value in pinned(where).items() if name.startswith(("AIRFLOW__DATABASE__", "AIRFLOW_"))
    }


def _wanted() -> str:
    return f"apache-airflow-core {version('apache-airflow-core')}"

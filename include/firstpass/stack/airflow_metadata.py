"""Airflow's metadata database: brought to the installed version, and asked which runs are under way."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from importlib.metadata import version

import psycopg2

from firstpass.errors import FirstpassError
from firstpass.stack import postgres
from firstpass.stack.layout import Layout


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


def _wanted() -> str:
    return f"apache-airflow-core {version('apache-airflow-core')}"

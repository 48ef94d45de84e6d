"""Airflow's metadata database is brought to the installed version, and asked about it without Airflow."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from urllib.parse import quote

import psycopg2
import pytest
from psycopg2.extensions import make_dsn, parse_dsn

from firstpass.errors import FirstpassError
from firstpass.stack import airflow_metadata, postgres
from firstpass.stack.layout import make_layout


@pytest.fixture
def database(postgres_dsn: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty database `airflow`, on the tests' own server."""

    def administer(statement: str) -> None:
        with closing(psycopg2.connect(postgres_dsn)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)

    administer("DROP DATABASE IF EXISTS airflow WITH (FORCE)")
    administer("CREATE DATABASE airflow")
    monkeypatch.setattr(postgres, "dsn", lambda name, where: make_dsn(postgres_dsn, dbname=name))
    yield
    administer("DROP DATABASE airflow WITH (FORCE)")


@pytest.fixture
def airflow(tmp_path) -> dict[str, str]:
    """The environment of a command `airflow` that a test writes: it says what it was asked, and exits with CODE."""
    package = tmp_path / "path" / "airflow"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(
        "import os, sys\nprint(sys.argv[1:])\nprint('a warning', file=sys.stderr)\nsys.exit(int(os.environ['CODE']))"
    )
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(package.parent)}


def test_a_database_that_airflow_has_not_seen_is_not_current(where, database):
    assert not airflow_metadata.is_current(where)


def test_airflow_makes_its_tables_and_the_database_remembers_the_version(where, database, airflow):
    airflow_metadata.migrate(where, airflow | {"CODE": "0"})
    assert sorted((where.logs / "migrate.log").read_text().splitlines()) == ["['db', 'migrate']", "a warning"]
    assert airflow_metadata.is_current(where)
    with closing(psycopg2.connect(postgres.dsn("airflow", where))) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = 'airflow'")
        assert cursor.fetchone() == (f"apache-airflow-core {version('apache-airflow-core')}",)
        cursor.execute("COMMENT ON DATABASE airflow IS 'apache-airflow-core 3.0.0'")
        connection.commit()
    assert not airflow_metadata.is_current(where), "an older Airflow made it"


def test_what_airflow_cannot_do_is_said_with_its_log_and_is_tried_again(where, database, airflow):
    with pytest.raises(FirstpassError, match="could not be brought to the installed version") as caught:
        airflow_metadata.migrate(where, airflow | {"CODE": "1"})
    assert caught.value.fix == f"see {where.logs / 'migrate.log'}"
    assert not airflow_metadata.is_current(where)


def test_the_runs_that_are_under_way_are_told(where, database):
    assert airflow_metadata.active_runs(where) == [], "a database without tables"
    with closing(psycopg2.connect(postgres.dsn("airflow", where))) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE dag_run (id serial, dag_id text, run_id text, state text)")
        cursor.execute("CREATE TABLE task_instance (dag_id text, run_id text, state text)")
        cursor.execute(
            "INSERT INTO dag_run (dag_id, run_id, state) VALUES ('preannotate', 'b', 'running'), ('publish', 'a',"
            " 'queued'), ('preannotate', 'a', 'success'), ('preannotate', 'c', 'failed'), ('review', 'a', 'running')"
        )
        cursor.execute(
            "INSERT INTO task_instance VALUES ('preannotate', 'b', 'running'), ('review', 'a', 'awaiting_input'),"
            " ('preannotate', 'a', 'success')"
        )
        connection.commit()
    assert airflow_metadata.active_runs(where) == ["preannotate run b", "publish run a"]


def test_airflow_still_calls_these_tables_and_states_so():
    """The query is our own; the names are Airflow's."""
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.state import DagRunState, TaskInstanceState

    assert {"id", "dag_id", "run_id", "state", "start_date", "queued_at", "run_after"} <= {
        column.name for column in DagRun.__table__.columns
    }
    assert DagRun.__tablename__ == "dag_run"
    assert {"dag_id", "run_id", "state"} <= {column.name for column in TaskInstance.__table__.columns}
    assert TaskInstance.__tablename__ == "task_instance"
    assert (DagRunState.QUEUED, DagRunState.RUNNING) == ("queued", "running")
    assert TaskInstanceState.AWAITING_INPUT == "awaiting_input"


def test_who_asks_about_runs_is_told_of_those_that_go_on(where, database):
    with closing(psycopg2.connect(postgres.dsn("airflow", where))) as connection, connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE dag_run (dag_id text, run_id text, state text, start_date timestamptz, queued_at timestamptz,"
            " run_after timestamptz)"
        )
        cursor.execute(
            "INSERT INTO dag_run VALUES ('preannotate', 'a', 'running', '2026-01-02Z', NULL),"
            " ('preannotate', 'b', 'success', '2025-01-01Z', NULL),"
            " ('preannotate', 'c', 'queued', NULL, '2026-01-01Z'), ('publish', 'a', 'failed', '2025-01-01Z', NULL)"
        )
        connection.commit()
    dsn = postgres.dsn("airflow", where)
    parts = parse_dsn(dsn)
    address = f"postgresql+psycopg2://{parts['user']}@/{parts['dbname']}?host={quote(parts['host'], safe='')}"
    runs = airflow_metadata.Runs({"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": address})
    assert runs.unfinished("preannotate", ["a", "b", "unknown"]) == {"a"}
    assert runs.unfinished("publish", ["a"]) == set()
    assert runs.oldest_unfinished() == {"preannotate": datetime(2026, 1, 1, tzinfo=UTC)}


@pytest.mark.parametrize("address", ["", "sqlite:////airflow.db", "airflow-db-not-allowed:///"])
def test_what_is_no_postgresql_knows_of_no_run(address):
    runs = airflow_metadata.Runs({"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": address})
    assert (runs.dsn, runs.unfinished("preannotate", ["a"]), runs.oldest_unfinished()) == ("", set(), {})


def test_a_task_may_run_airflows_command_line_on_the_local_stack_alone(home):
    assert airflow_metadata.task_environment() is None
    where = make_layout()
    environment = airflow_metadata.task_environment()
    assert environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].startswith("postgresql+psycopg2://")
    assert environment["AIRFLOW_HOME"] == str(where.home)
    assert airflow_metadata.Runs(environment).dsn.startswith("postgresql://")


def test_logs_are_where_airflow_puts_them(home):
    assert airflow_metadata.log_folder({}) == home / "logs"
    assert airflow_metadata.log_folder({"AIRFLOW_HOME": "/opt/airflow"}) == Path("/opt/airflow/logs")
    named = {"AIRFLOW_HOME": "/opt/airflow", "AIRFLOW__LOGGING__BASE_LOG_FOLDER": "/logs"}
    assert airflow_metadata.log_folder(named) == Path("/logs")

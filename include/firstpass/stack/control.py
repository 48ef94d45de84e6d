"""Bringing the local stack up and down: `up`, `down`, `status`, and `serve_postgres` for those who only read.

Each may be called at any time, by several people at once, and after anything was killed: what is found running and fits
is used, what was left behind is ended, the data stays.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from importlib.metadata import version
from pathlib import Path

import psycopg2

from firstpass.errors import FirstpassError
from firstpass.settings import home, settings
from firstpass.stack import leftovers, postgres, supervision
from firstpass.stack.environment import fingerprint, stack_environment, ui_url
from firstpass.stack.layout import Layout, layout, lock, make_layout
from firstpass.stack.secrets import ADMIN, load_secrets, make_secrets
from firstpass.stack.supervision import AIRFLOW, ProcessState

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Status:
    """What runs. state: `up` (everything runs and the UI answers), `down` (nothing runs), `partly` (anything else)."""

    state: str
    url: str
    user: str
    password: str
    processes: tuple[ProcessState, ...]
    leftovers: int


def up(say: Say) -> Status:
    """Start what does not run yet and wait until the UI answers and the scheduler works.

    `say` gets a line for each step that takes a while. Raises FirstpassError when the port is taken, a folder cannot
    be written, or a process does not stay up.
    """
    with lock(say):
        where = make_layout()
        environment = stack_environment(where, make_secrets(where))
        _serve(where, environment, say)
        if not _alive(where, "api-server"):
            _check_port()
        # The API server takes longest to start and asks no table before it answers: the migrations run beside it.
        supervision.start_airflow(where, "api-server")
        _migrate_airflow(environment, where, say)
        supervision.start_airflow(where, "scheduler", "dag-processor")
        _migrate_warehouse()
        _wait_healthy(where, say)
        supervision.start_airflow(where, "triggerer")  # nothing waits for it: it starts when the others are done
        return _status(where)


def serve_postgres(say: Say) -> None:
    """Make sure that the embedded PostgreSQL runs; Airflow is neither started nor stopped."""
    with lock(say):
        where = make_layout()
        if supervision.processes(where) is None:
            _serve(where, stack_environment(where, make_secrets(where)), say)
        postgres.wait_ready(where)
        _migrate_warehouse()


def down(say: Say) -> int:
    """Stop everything, what killed parents left behind included; returns how many processes had to be looked for."""
    if not (home() / "var" / "instance").exists():
        return 0
    with lock(say):
        return _stop(layout())


def status() -> Status:
    """What runs now. Changes nothing and waits for nobody."""
    if not (home() / "var" / "instance").exists():
        return Status("down", ui_url(), ADMIN, "", (), 0)
    return _status(layout())


def _status(where: Layout) -> Status:
    found = supervision.processes(where)
    left = len(leftovers.find(where.instance)) if found is None else 0
    if found is None:
        state = "partly" if left else "down"
    else:
        state = "up" if all(process.alive for process in found) and _healthy() else "partly"
    return Status(state, ui_url(), ADMIN, load_secrets(where).admin_password, tuple(found or ()), left)


def _serve(where: Layout, environment: dict[str, str], say: Say) -> None:
    """PostgreSQL under supervision, with the settings of now: a stack that runs with other ones is stopped first."""
    wanted = fingerprint(environment, supervision.config(where))
    running = supervision.processes(where) is not None
    if running and _started_with(where) != wanted:
        say("The settings have changed since the stack was started: starting it again")
        _stop(where)
        running = False
    if not running:
        ended = leftovers.end(leftovers.find(where.instance))
        if ended:
            say(f"Ended {ended} processes that an earlier stack had left behind")
        say("Starting PostgreSQL")
        postgres.prepare(where)
        supervision.start(where, environment)
        where.started_with.write_text(wanted, encoding="ascii")
    postgres.wait_ready(where)
    postgres.create_databases(where)


def _started_with(where: Layout) -> str:
    return where.started_with.read_text(encoding="ascii") if where.started_with.exists() else ""


def _stop(where: Layout) -> int:
    supervision.stop(where)
    return leftovers.end(leftovers.find(where.instance))


def _alive(where: Layout, name: str) -> bool:
    return any(process.alive for process in supervision.processes(where) or () if process.name == name)


def _check_port() -> None:
    """Better one clear sentence now than an API server that is started again and again."""
    port = settings().port
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # or the last stack's closed connections count
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise FirstpassError(
                f"port {port} on 127.0.0.1 cannot be used for Airflow's UI: {error.strerror}",
                f"stop what listens on port {port}, or choose another one in FIRSTPASS_PORT",
            ) from error


def _migrate_airflow(environment: dict[str, str], where: Layout, say: Say) -> None:
    """Bring Airflow's metadata to the installed version. The database itself remembers which one it has: asking
    Airflow takes seconds at every start."""
    wanted = f"apache-airflow-core {version('apache-airflow-core')}"
    connection = psycopg2.connect(postgres.dsn("airflow", where))
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = 'airflow'")
            if cursor.fetchall() == [(wanted,)]:
                return
            say("Preparing Airflow's database")
            _airflow_db_migrate(environment, where.logs / "migrate.log")
            cursor.execute("COMMENT ON DATABASE airflow IS %s", (wanted,))
    finally:
        connection.close()


def _airflow_db_migrate(environment: dict[str, str], log: Path) -> None:
    with log.open("w") as output:
        done = subprocess.run(
            [sys.executable, "-m", "airflow", "db", "migrate"],
            env=environment,
            stdout=output,
            stderr=output,
            check=False,
        )
    if done.returncode:
        raise FirstpassError("Airflow's database could not be brought to the installed version", f"see {log}")


def _migrate_warehouse() -> None:
    from firstpass.warehouse.connection import connect
    from firstpass.warehouse.migrate import migrate

    connection = connect()
    try:
        migrate(connection)
    finally:
        connection.close()


def _wait_healthy(where: Layout, say: Say, seconds: float = 240) -> None:
    """Wait for the API server, the scheduler and the DAG processor. A process that supervisord gave up ends it."""
    if _healthy():
        return
    say("Starting Airflow")
    deadline = time.monotonic() + seconds
    while not _healthy():
        for process in supervision.processes(where) or ():
            if process.state == "FATAL":
                log = where.logs / f"{process.name}.log"
                raise FirstpassError(f"{process.name} does not stay up:\n{_tail(log)}", f"see {log}")
        if time.monotonic() > deadline:
            raise FirstpassError(
                f"Airflow was not ready after {seconds:.0f} s",
                f"see the logs of {', '.join(AIRFLOW)} in {where.logs}; `firstpass up` goes on waiting",
            )
        time.sleep(0.3)


def _healthy() -> bool:
    """What Airflow says of itself."""
    connection = HTTPConnection("127.0.0.1", settings().port, timeout=5)
    try:
        connection.request("GET", "/api/v2/monitor/health")
        parts = json.load(connection.getresponse())
        return all(parts[name]["status"] == "healthy" for name in ("metadatabase", "scheduler", "dag_processor"))
    except (OSError, HTTPException, ValueError, KeyError, TypeError):
        return False
    finally:
        connection.close()


def _tail(log: Path, lines: int = 5) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else ""

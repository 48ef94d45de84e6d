"""Bringing the local stack up and down: `up`, `down`, `status`, and `serve_postgres` for those who only read.

Each may be called at any time, by several people at once, and after anything was killed: what is found running and fits
is used, what was left behind is ended, the data stays.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from firstpass.airflow.rest_client import AirflowApi
from firstpass.settings import settings
from firstpass.stack import airflow_metadata, leftovers, postgres, readiness, supervision
from firstpass.stack.environment import fingerprint, stack_environment, ui_url
from firstpass.stack.layout import Layout, layout, lock, make_layout, started_before
from firstpass.stack.secrets import ADMIN, load_secrets, make_secrets
from firstpass.stack.supervision import ProcessState

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
            readiness.check_port()
            say("Starting Airflow")
        # The API server takes longest to start and asks no table before it answers: the migrations run beside it.
        supervision.ensure(where, "api-server")
        if not airflow_metadata.is_current(where):
            say("Preparing Airflow's database")
            airflow_metadata.migrate(where, environment)
        supervision.ensure(where, "scheduler", "dag-processor")
        _migrate_warehouse()
        readiness.wait_healthy(where)
        _make_pool(where)
        supervision.ensure(where, "triggerer")  # nothing waits for it: it starts when the others are done
        return _status(where)


def serve_postgres(say: Say) -> None:
    """Make sure that the embedded PostgreSQL runs; Airflow is neither started nor stopped."""
    with lock(say):
        where = make_layout()
        if supervision.processes(where) is None:
            _serve(where, stack_environment(where, make_secrets(where)), say)
        postgres.wait_ready(where)
        _migrate_warehouse()


def serve_warehouse(say: Say) -> str:
    """The DSN of the warehouse; where that is the embedded one, make sure that its server runs."""
    external = settings().warehouse_dsn.get_secret_value()
    if external:
        return external
    serve_postgres(say)
    return postgres.dsn("firstpass")


def down(say: Say) -> int:
    """Stop everything, what killed parents left behind included; returns how many processes had to be looked for."""
    if not started_before():
        return 0
    with lock(say):
        return _stop(layout())


def status() -> Status:
    """What runs now. Changes nothing and waits for nobody."""
    if not started_before():
        return Status("down", ui_url(), ADMIN, "", (), 0)
    return _status(layout())


def _status(where: Layout) -> Status:
    found = supervision.processes(where)
    left = len(leftovers.find(where.instance)) if found is None else 0
    if found is None:
        state = "partly" if left else "down"
    else:
        state = "up" if all(process.alive for process in found) and readiness.healthy() else "partly"
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
    supervision.ensure(where, "postgres")
    postgres.wait_ready(where)
    postgres.create_databases(where)


def _started_with(where: Layout) -> str:
    return where.started_with.read_text(encoding="ascii") if where.started_with.exists() else ""


def _stop(where: Layout) -> int:
    supervision.stop(where)
    return leftovers.end(leftovers.find(where.instance))


def _alive(where: Layout, name: str) -> bool:
    return any(process.alive for process in supervision.processes(where) or () if process.name == name)


def _make_pool(where: Layout) -> None:
    """The pool that the pods of the Kubernetes engine wait in; the local engine needs none."""
    if settings().engine == "kubernetes":
        with AirflowApi(ui_url(), ADMIN, load_secrets(where).admin_password) as api:
            api.set_pool(settings().kubernetes_pool, settings().workers, "Pods of preannotate: FIRSTPASS_WORKERS")


def _migrate_warehouse() -> None:
    from firstpass.warehouse.connection import connect
    from firstpass.warehouse.migration import migrate

    connection = connect()
    try:
        migrate(connection)
    finally:
        connection.close()

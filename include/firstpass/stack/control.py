"""Bringing the local stack up and down: `up`, `down`, `status`, and `serve_postgres` for those who only read.

Each may be called at any time, by several people at once, and after anything was killed: what is found running and fits
is used, what was left behind is ended, the data stays.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from firstpass.airflow.rest_client import AirflowApi
from firstpass.errors import FirstpassError
from firstpass.settings import settings
from firstpass.stack import airflow_metadata, leftovers, postgres, readiness, restarting, started_with, supervision
from firstpass.stack.environment import leaves_out_kubeconfig, stack_environment, ui_url
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


def up(say: Say, restart: bool = False) -> Status:
    """Start what does not run yet and wait until the UI answers and the scheduler works.

    A stack that runs with other settings is started again, unless a run is active. restart: start it again in any case.
    `say` gets a line for each step that takes a while. Raises FirstpassError when the port is taken, a folder cannot
    be written, a process does not stay up, or the settings differ under a run.
    """
    with ready(say, restart) as status:
        return status


@contextmanager
def ready(say: Say, restart: bool = False, of_a_run: Collection[str] = ()) -> Iterator[Status]:
    """As `up`, and nobody else starts or stops the stack until the block ends: a run can be started in it.

    of_a_run: settings that the run brings with it, so that the stack may have others.
    """
    with lock(say):
        where = make_layout()
        environment = stack_environment(where, make_secrets(where))
        _serve(where, environment, say, restart, of_a_run)
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
        yield _status(where)


def serve_postgres(say: Say) -> None:
    """Make sure that the embedded PostgreSQL runs; Airflow is neither started nor stopped, whatever the settings.

    Raises FirstpassError when a killed supervisord left processes behind, but no PostgreSQL: only `up` ends them.
    """
    with lock(say):
        where = make_layout()
        if supervision.processes(where) is None and not _left_behind(where):
            _serve(where, stack_environment(where, make_secrets(where)), say)
        supervision.ensure(where, "postgres")
        postgres.wait_ready(where)
        _migrate_warehouse()


def serve_warehouse(say: Say) -> str:
    """The DSN of the warehouse; where that is the embedded one, make sure that its server runs."""
    external = settings().warehouse_dsn.get_secret_value()
    if external:
        return external
    serve_postgres(say)
    return postgres.dsn("firstpass")


def airflow_environment(say: Say) -> dict[str, str]:
    """The environment in which Airflow's own command line works on this stack: PostgreSQL runs, and has its tables."""
    serve_postgres(say)
    with lock(say):
        where = layout()
        environment = stack_environment(where, make_secrets(where))
        if not airflow_metadata.is_current(where):
            say("Preparing Airflow's database")
            airflow_metadata.migrate(where, environment)
    return {name: value for name, value in environment.items() if name != leftovers.MARKER}  # `down` leaves it alone


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
    port = started_with.port(where) if found is not None else settings().port  # this process's may be another one
    left = len(leftovers.find(where.instance)) if found is None else 0
    if found is None:
        state = "partly" if left else "down"
    else:
        state = "up" if all(process.alive for process in found) and readiness.healthy(port) else "partly"
    return Status(state, ui_url(port), ADMIN, load_secrets(where).admin_password, tuple(found or ()), left)


def _serve(
    where: Layout, environment: dict[str, str], say: Say, restart: bool = False, of_a_run: Collection[str] = ()
) -> None:
    """PostgreSQL under supervision, with the settings of now."""
    differences = restarting.without(started_with.compare(where), of_a_run)
    running = supervision.processes(where) is not None
    if running and (restart or restarting.needed(where, differences, say)):
        for run in restarting.interrupted(where) if restart else ():
            say(f"{run} is interrupted; it goes on when the stack is up again")
        _stop(where)
        running = False
    if not running:
        left = leftovers.find(where.instance)
        if left and not restart:
            restarting.check_leftovers(where, differences)
        if ended := leftovers.end(left):
            say(f"Ended {ended} processes that an earlier stack had left behind")
        say("Starting PostgreSQL")
        postgres.prepare(where)
        if leaves_out_kubeconfig(where):
            say("KUBECONFIG is left out: the connection in FIRSTPASS_KUBERNETES_CONN_ID says how to reach the cluster")
        supervision.start(where, environment)
        started_with.remember(where)
    supervision.ensure(where, "postgres")
    postgres.wait_ready(where)
    postgres.create_databases(where)
    if not running and (changed := restarting.names(differences)):
        for run in restarting.interrupted(where):
            say(f"{run} was interrupted and goes on with other settings: {changed}")


def _left_behind(where: Layout) -> bool:
    """Whether processes run without their supervisord, PostgreSQL among them; whoever reads leaves them alone."""
    left = leftovers.find(where.instance)
    if left and not postgres.answers(where):
        raise FirstpassError(
            f"{len(left)} processes of the stack are running without their supervisor, and PostgreSQL is not",
            "run `firstpass up`, which ends them and starts the stack",
        )
    return bool(left)


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

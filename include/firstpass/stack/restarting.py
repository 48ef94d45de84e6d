"""Whether a running stack may be started again to take up other settings: not under a run, unless somebody says so."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress

import psycopg2

from firstpass.errors import FirstpassError
from firstpass.stack import airflow_metadata, postgres, supervision
from firstpass.stack.layout import Layout
from firstpass.stack.started_with import Differences

Say = Callable[[str], None]
_ANYWAY = "repeat the command with --restart to start the stack again anyway: tasks that it interrupts are tried again"


def needed(where: Layout, differences: Differences | None, say: Say) -> bool:
    """Whether the stack that runs under supervision has to be started again to have the settings of now.

    `say` gets what the running stack has otherwise. Raises FirstpassError, naming runs and settings, when it has to be
    while a run is active or somebody reads the warehouse.
    """
    if differences is not None and not differences.settings:
        _say_connections(differences.connections, say)
        return False
    supervision.ensure(where, "postgres")  # whose database knows what is active
    postgres.wait_ready(where)
    airflow_works = any(
        process.name in supervision.AIRFLOW and process.state != "STOPPED"
        for process in supervision.processes(where) or ()
    )
    _refuse_if_busy(where, differences, airflow_works)
    say(f"Starting the stack again: {_reason(differences)}")
    return True


def check_leftovers(where: Layout, differences: Differences | None) -> None:
    """What a killed supervisord left behind may be at work on a run. Raises FirstpassError as `needed` does; where
    PostgreSQL has gone too, nothing of it can come to an end, and nothing is refused."""
    if differences is None or differences.settings:
        with suppress(psycopg2.OperationalError):
            _refuse_if_busy(where, differences, airflow_works=True)


def _refuse_if_busy(where: Layout, differences: Differences | None, airflow_works: bool) -> None:
    busy = airflow_metadata.active_runs(where) if airflow_works else []
    if not busy and postgres.warehouse_in_use(where):
        busy = ["a firstpass command or psql in another terminal"]
    if busy:
        raise FirstpassError(
            f"the stack is in use by {_listed(busy)}, and would have to be started again: {_reason(differences)}",
            "wait until that has ended (`firstpass status` shows where Airflow is), or use the settings that the stack"
            f" has; or {_ANYWAY}",
        )


def interrupted(where: Layout) -> list[str]:
    """The runs that a stop interrupts; none where nobody can tell."""
    try:
        return airflow_metadata.active_runs(where)
    except psycopg2.Error:
        return []


def names(differences: Differences | None) -> str:
    """The settings that differ, for a sentence; empty when none does."""
    return _listed([str(each) for each in differences.settings]) if differences and differences.settings else ""


def without(differences: Differences | None, of_a_run: Collection[str]) -> Differences | None:
    """The differences that are left when a run brings these settings with it."""
    if differences is None:
        return None
    left = tuple(each for each in differences.settings if each.name not in of_a_run)
    return Differences(left, differences.connections)


def _reason(differences: Differences | None) -> str:
    if differences is None:
        return "it does not say what it was started with"
    return f"other settings than it was started with: {names(differences)}"


def _say_connections(connections: Collection[str], say: Say) -> None:
    if connections:
        say(
            f"The running stack keeps its own {_listed(list(connections))};"
            f" `firstpass up --restart` takes up {'this one' if len(connections) == 1 else 'these'}"
        )


def _listed(items: list[str]) -> str:
    shown = items[:5] + ([f"{len(items) - 5} more"] if len(items) > 5 else [])
    return " and ".join(filter(None, [", ".join(shown[:-1]), shown[-1]]))

"""`firstpass airflow ARGS…`: Airflow's own command line, on this stack instead of on a database of its own."""

from __future__ import annotations

import os
import sys

import click

from firstpass.cli.stack import say
from firstpass.stack import control


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    add_help_option=False,  # it is Airflow's --help that is asked for
)
@click.argument("arguments", metavar="[ARGS]…", nargs=-1, type=click.UNPROCESSED)
def airflow(arguments: tuple[str, ...]) -> None:
    """Run Airflow's own command line on this stack: `firstpass airflow dags list`, `firstpass airflow db clean …`.

    ARGS are Airflow's, --help included, and so is the exit code. The embedded PostgreSQL is started if need be; the
    rest of the stack need not run. A plain `airflow` would work on a database of its own that nobody looks at.
    """
    environment = control.airflow_environment(say)
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, "-m", "airflow", *arguments], environment)  # noqa: S606 - no shell

"""`firstpass up`, `down`, `status` and `sql`: the local stack."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import asdict

import click
from rich.console import Console
from rich.table import Table

from firstpass.cli.exit_codes import DOWN
from firstpass.cli.file_modes import persons_own
from firstpass.cli.progress_view import progress_view
from firstpass.stack import control, postgres
from firstpass.stack.control import Status
from firstpass.warehouse import client_programs


def say(line: str) -> None:
    """A progress line on stderr: stdout is for results."""
    click.echo(line, err=True)


restart_option = click.option(
    "--restart", is_flag=True, help="Start a running stack again, even under a run, so that it has these settings."
)


@click.command()
@restart_option
def up(restart: bool) -> None:
    """Start the local stack (PostgreSQL and Airflow). A stack that already runs is used as it is.

    One that was started with other settings is started again, and the settings that differ are named. While a run is
    active that is refused, unless --restart is given. Connections (AIRFLOW_CONN_…, AWS_…) that differ are no reason.
    """
    with progress_view() as view:
        found = control.up(view.say, restart)
    _show(found)


@click.command()
def down() -> None:
    """Stop the local stack and keep its data."""
    ended = control.down(say)
    click.echo("Stopped." + (f" {ended} leftover processes were stopped." if ended else ""))


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(as_json: bool) -> None:
    """Show what is running, the UI's address and its login. Exits with 0 when everything is up, else with 3."""
    found = control.status()
    if as_json:
        click.echo(json.dumps(asdict(found), indent=1))
    else:
        _show(found)
    sys.exit(0 if found.state == "up" else DOWN)


@click.command()
@click.argument("statement", required=False)
@click.option("--dsn", is_flag=True, help="Print the warehouse's DSN instead, including its password if it has one.")
def sql(statement: str | None, dsn: bool) -> None:
    """Open psql on the annotation warehouse, or run STATEMENT there."""
    target = warehouse()
    if dsn:
        click.echo(target)
        return
    program = shutil.which("psql") or str(postgres.binary("psql"))
    arguments = ["-X", "-v", "ON_ERROR_STOP=1", "-c", statement] if statement else []
    sys.stdout.flush()
    # By environment and not by argument: the list of processes is public, a DSN's password is not.
    with persons_own():  # what psql writes is the person's
        os.execve(program, [program, *arguments], os.environ | client_programs.libpq(target))  # noqa: S606 - no shell


def warehouse() -> str:
    """The warehouse's DSN, its embedded server running if it is that one."""
    return control.serve_warehouse(say)


def _show(found: Status) -> None:
    table = Table(box=None, header_style="bold", padding=(0, 3, 0, 0))
    for heading in ("process", "state", "pid", "up"):
        table.add_column(heading)
    for process in found.processes:
        table.add_row(
            process.name,
            process.state.lower(),
            str(process.pid or "–"),
            f"{process.seconds_up // 60} min" if process.seconds_up >= 60 else f"{process.seconds_up} s",
        )
    console = Console(highlight=False, markup=False)
    if found.processes:
        console.print(table)
        console.print(f"\nAirflow  {found.url}   user {found.user}   password {found.password}", soft_wrap=True)
    elif found.leftovers:
        console.print(
            f"{found.leftovers} processes of an earlier stack are still running: `firstpass up` cleans up first."
        )
    else:
        console.print("The stack is down: `firstpass up` starts it.")

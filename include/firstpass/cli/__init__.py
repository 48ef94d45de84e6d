"""The command line: `firstpass COMMAND`. Each command's module is imported when that command is called, not before."""

from __future__ import annotations

import os
import sys
from importlib import import_module

import click

from firstpass.airflow import connections
from firstpass.cli import file_modes
from firstpass.cli.endings import say_how_it_ended
from firstpass.settings import all_variables
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
    "doctor": ("doctor", "doctor", "Look at what is configured: reachable, allowed, of a supported version."),
    "sql": ("stack", "sql", "Open psql on the annotation warehouse, or run one statement."),
    "warehouse": ("warehouse", "warehouse", "Back up, restore, move and upgrade the warehouse."),
    "airflow": ("airflow", "airflow", "Run Airflow's own command line on this stack."),
    "cvat": ("cvat", "cvat", "List CVAT tasks; publish drafts to them or withdraw them."),
    "models": ("models", "models", "List, show, sync, check and prune models."),
    "quality": ("quality", "quality", "Show past runs' checks and drift."),
    "prune": ("prune", "prune", "Remove what has become old; --dry-run says what would go."),
    "estimate": ("estimate", "estimate", "Estimate how long a number of images takes on a machine."),
    "infer": ("infer", "infer", "Run one chunk, as a pod or a local task does."),
}


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
    _take_up_dotenv()
    connections.register()
    embedded_warehouse.register()


def _take_up_dotenv() -> None:
    """Credentials and Airflow's connections in .env reach this process as they reach the stack; the environment wins.
    Settings read the file themselves."""
    for name, entry in all_variables().written.items():
        if not name.startswith("FIRSTPASS_"):
            os.environ.setdefault(name, entry.value)


def main() -> None:
    """Entry point. What went wrong is two lines, and an exit code of `exit_codes`; a defect keeps its traceback."""
    file_modes.close()
    try:
        code = cli(standalone_mode=False)
    except Exception as error:
        code = say_how_it_ended(error)
        if code is None:
            raise
    sys.exit(code)

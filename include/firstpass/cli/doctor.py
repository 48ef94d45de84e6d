"""`firstpass doctor`: how the installation stands, in words."""

from __future__ import annotations

import json
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.table import Table

from firstpass.cli.endings import explain
from firstpass.errors import NEEDS_A_PERSON
from firstpass.findings import Finding, Standing

_TONES = {Standing.OK: "green", Standing.UNUSED: "dim", Standing.WARNING: "yellow", Standing.PROBLEM: "red"}


@click.command()
@click.option(
    "--timeout", type=click.FloatRange(1), default=30.0, show_default=True, help="Seconds that each item may take."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(timeout: float, as_json: bool) -> None:
    """Look at what is configured: whether it is there, allowed, and of a supported version. Starts nothing.

    The warehouse and its rights, storage, model sources, CVAT and its token, the cluster and its quota, GPUs, disks,
    versions, the stack. Storage gets a probe object, which is deleted again. Secrets are never shown.

    Exits with 0 when there is no problem, warnings or not, else with 2.
    """
    from firstpass.doctor.items import examine_all

    with _silence():
        found = examine_all(explain, timeout)
    if as_json:
        rows = [{"item": f.item, "state": f.standing.value, "found": f.words, "fix": f.fix} for f in found]
        click.echo(json.dumps(rows, indent=1, ensure_ascii=False))
    else:
        _show(found)
    problems = any(finding.standing is Standing.PROBLEM for finding in found)
    sys.stdout.flush()
    code = NEEDS_A_PERSON if problems else 0
    if any(finding.words.startswith("no answer within") for finding in found):
        os._exit(code)  # what hangs would keep the process from ending
    sys.exit(code)


@contextmanager
def _silence() -> Iterator[None]:
    """What is wrong is told by the findings, once: not by logs and warnings as well."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        logging.disable(before)


def _show(found: list[Finding]) -> None:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in found:
        words = finding.words + (f"\nWhat to do: {finding.fix}" if finding.fix else "")
        table.add_row(finding.item, f"[{_TONES[finding.standing]}]{finding.standing}[/]", _plain(words))
    Console(highlight=False).print(table)
    problems = sum(finding.standing is Standing.PROBLEM for finding in found)
    warned = sum(finding.standing is Standing.WARNING for finding in found)
    click.echo(f"{problems} problem{'s' * (problems != 1)}, {warned} warning{'s' * (warned != 1)}.")


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)

"""Finding and ending the processes of a stack, whoever their parent is by now.

Every process of the stack carries the instance's id in its environment. The one kind that wipes its environment,
PostgreSQL's children, ends by itself when their parent does.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from contextlib import suppress

import psutil

MARKER = "FIRSTPASS_INSTANCE"


def find(instance: str, program: str | None = None) -> list[psutil.Process]:
    """The live processes of a stack, or of one of its programs, with all that descend from them.

    The calling process and those that it descends from are never among them.
    """
    spared = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        with suppress(psutil.Error):  # it has ended, or it is somebody else's
            environment = process.environ()
            if environment.get(MARKER) == instance and program in {None, environment.get("SUPERVISOR_PROCESS_NAME")}:
                found |= {each.pid: each for each in (process, *process.children(recursive=True))}
    return [process for pid, process in found.items() if pid not in spared and _lives(process)]


def end(processes: Iterable[psutil.Process], patience: float = 5) -> int:
    """Ask them to end, kill after `patience` seconds those that did not; returns how many there were."""
    asked = list(processes)
    for process in asked:
        # PostgreSQL takes SIGTERM as "when everybody has gone", SIGINT as "now, in order".
        _signal(process, signal.SIGINT if _is_postgres(process) else signal.SIGTERM)
    for process in psutil.wait_procs(asked, timeout=patience)[1]:
        _signal(process, signal.SIGKILL)
    psutil.wait_procs(asked, timeout=5)
    return len(asked)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _is_postgres(process: psutil.Process) -> bool:
    try:
        return process.name() == "postgres"
    except psutil.Error:
        return False


def _signal(process: psutil.Process, number: int) -> None:
    with suppress(psutil.NoSuchProcess):
        process.send_signal(number)

"""One try at one task of a night, in a process of its own: what Airflow's executor does, for the price of a fork."""

from __future__ import annotations

import ctypes
import importlib
import json
import logging
import multiprocessing
import os
import signal
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil

from firstpass import waiting
from night_storm.places import MARK

_PRELOAD = (
    "night_storm.tasks",
    "cvat_sdk.api_client",
    "great_expectations",
    "firstpass.nightly.preannotate",
    "firstpass.nightly.publish",
    "firstpass.quality.checks",
    "firstpass.report.build",
)
_PR_SET_PDEATHSIG, _PR_CAPBSET_DROP = 1, 24
_CAPABILITIES = (1, 2)  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH: root's right to read and write whatever it likes
_CAPABILITY_VERSION = 0x20080522


@dataclass(frozen=True, slots=True)
class Call:
    """A function of a room and its arguments."""

    function: str  # module:name
    arguments: list[Any]
    keywords: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a try ended. value: what was returned. error: what was raised, or how the process died; None for success.

    for_a_person: the error is one that no further try puts right.
    """

    value: Any
    error: str | None
    for_a_person: bool
    seconds: float


class Tries:
    """Starts tries: forks of a process that has everything imported."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(list(_PRELOAD))

    def start(self, name: str, call: Call) -> Try:
        log, answer = self._logs / f"{name}.log", self._logs / f"{name}.json"
        answer.unlink(missing_ok=True)
        process = self._context.Process(target=run, args=(call, str(log), str(answer)), daemon=False)
        process.start()
        return Try(process, answer, time.monotonic())


@dataclass
class Try:
    """One that runs, or has ended."""

    process: Any
    answer: Path
    started: float

    def wait(self, seconds: float) -> bool:
        """Whether it ended within these seconds."""
        self.process.join(seconds)
        return self.process.exitcode is not None

    def ended(self) -> Ended:
        self.process.join()
        seconds, code = time.monotonic() - self.started, self.process.exitcode
        if code in (0, 1) and self.answer.exists():
            said = json.loads(self.answer.read_text())
            return Ended(said["value"], said["error"], said["for_a_person"], seconds)
        how = f"died of {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        return Ended(None, how, False, seconds)

    def children(self) -> list[psutil.Process]:
        """All that it started, and what these started."""
        try:
            return psutil.Process(self.process.pid).children(recursive=True)
        except psutil.Error:
            return []


def run(call: Call, log: str, answer: str) -> None:
    """What happens in the process of a try. What is returned or raised is in the file `answer` afterwards."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    give_up_privileges()
    with open(log, "ab", buffering=0) as file:  # noqa: PTH123
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr, force=True)
    _without_pauses()
    said: dict[str, Any] = {"value": None, "error": None, "for_a_person": False}
    try:
        module, _, name = call.function.partition(":")
        function = getattr(importlib.import_module(module), name)
        said["value"] = waiting.patiently(function, *call.arguments, **call.keywords)
    except Exception as error:
        from firstpass.errors import FirstpassError, Unavailable

        traceback.print_exc()
        said["error"] = f"{type(error).__name__}: {error}"
        said["for_a_person"] = isinstance(error, FirstpassError) and not isinstance(error, Unavailable)
    scratch = Path(answer).with_suffix(".tmp")
    scratch.write_text(json.dumps(said))
    scratch.replace(answer)
    sys.stdout.flush()
    os._exit(1 if said["error"] else 0)


def open_run(request: dict[str, Any]) -> str:
    """`resolve_model` with the arguments of a RunRequest."""
    from firstpass.nightly import preannotate

    return preannotate.resolve_model(preannotate.RunRequest(**request))


def close_run(run_id: str, request: dict[str, Any]) -> None:
    """What Airflow calls when a run of `preannotate` has failed."""
    from firstpass.airflow.failed_runs import record_failure

    record_failure({"dag_run": SimpleNamespace(run_id=run_id, conf=request), "params": request})


def give_up_privileges() -> None:
    """As root: read and write only what the file system's modes allow, in this process and all that it starts."""
    if os.geteuid() != 0:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in _CAPABILITIES:
        libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    data = (ctypes.c_uint32 * 6)()
    if libc.capget(header, data):
        raise OSError(ctypes.get_errno(), "capget")
    mask = ~sum(1 << capability for capability in _CAPABILITIES) & 0xFFFFFFFF
    for word in range(3):  # effective, permitted, inheritable of the first 32
        data[word] &= mask
    if libc.capset(header, data):
        raise OSError(ctypes.get_errno(), "capset")


def leftovers(state: Path, of: str = "") -> list[psutil.Process]:
    """Processes that tries started and that are still there; of: what their command line holds."""
    found = []
    for process in psutil.process_iter():
        try:
            ours = process.environ().get(MARK) == str(state)
            own = os.getpid() in (process.pid, process.ppid())
            if ours and not own and of in " ".join(process.cmdline()) and not _serves(process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return found


def _serves(command: list[str]) -> bool:
    """Whether it is one of the two processes that fork the tries."""
    return any(word in part for part in command for word in ("multiprocessing.forkserver", "resource_tracker"))


def _without_pauses() -> None:
    """Pauses that are right for real servers are of no use to what is back after seconds."""
    from firstpass.cvat.publishing import recovery
    from firstpass.cvat.server import client, uncertain_writes

    uncertain_writes.FIRST_WAIT = client.READ_BACKOFF = 0.01
    recovery.LATE = 0.5  # longer than the double takes for a request that it applies late
    waiting.FIRST_PAUSE = 0.3

"""The process that reads foreign weights, seen from the one that wants to know: asked, watched, and ended."""

from __future__ import annotations

import json
import logging
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Literal

from firstpass.models.checking.endings import Ending, Limits, explained
from firstpass.models.checking.machine import Usage, free_memory, usage
from firstpass.models.workspace import writing
from firstpass.settings import home

log = logging.getLogger("firstpass")

_GLANCE = 0.05  # seconds between looks at its memory
_LONGEST = 2**20  # bytes of an answer
_TAIL = 4000  # bytes of standard error that are looked at
_KEPT = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH")
_NEVER = ("DSN", "SECRET", "PASSWORD", "TOKEN", "KEY", "CONN", "CREDENTIAL")


class CheckProcess:
    """One child process; use it as a context manager. Its limits hold for all of its answers together."""

    def __init__(self, kind: str, folder: Path, scratch: Path, limits: Limits) -> None:
        """folder: with the weights, under the store's names. scratch: an empty folder for what it may write."""
        self._limits = limits
        with writing(scratch):
            self._said: IO[bytes] = tempfile.TemporaryFile(dir=scratch)  # noqa: SIM115 - closed by __exit__
        arguments = [str(os.getpid()), str(limits.seconds), str(limits.memory), kind, str(folder)]
        self._seconds = limits.seconds
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-B", "-m", "firstpass.models.checking.confined_reader", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            cwd=scratch,
            env=environment(scratch),
            start_new_session=True,
        )
        self._last, self._most, self._room = Usage(), 0, float("inf")

    def __enter__(self) -> CheckProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self._kill()
        for stream in (self._process.stdin, self._process.stdout, self._said):
            with suppress(OSError):
                stream.close()  # type: ignore[union-attr]

    def ask(self, work: Literal["inspect", "probe"], **more: str) -> dict[str, Any]:
        """The answer. Raises FirstpassError where the weights are to blame that there is none, and Unavailable where
        the machine is; the process is gone then.
        """
        with suppress(BrokenPipeError):  # it died, and the answer will say so
            self._stdin.write(json.dumps({"ask": work, **more}).encode() + b"\n")
            self._stdin.flush()
        started = time.monotonic()
        cause, line = self._wait(started + self._seconds)
        self._seconds -= time.monotonic() - started
        answer = _answer(line)
        if answer and not answer.get("memory"):
            return answer
        raise self._ended(work, "memory" if answer else cause)

    def _wait(self, deadline: float) -> tuple[Literal["time", "memory", "end"], bytes]:
        """What the process wrote until the end of a line; without one, why it will never come."""
        line = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._stdout, selectors.EVENT_READ)
            while not line.endswith(b"\n") and len(line) < _LONGEST:
                ready = selector.select(_GLANCE)
                self._look()
                if ready:
                    if not (part := os.read(self._stdout.fileno(), _LONGEST)):
                        break
                    line += part
                if self._last.memory > self._limits.memory:
                    return "memory", b""
                if time.monotonic() > deadline and not line.endswith(b"\n"):
                    return "time", b""
        return "end", line

    def _look(self) -> None:
        now = usage(self._process.pid)
        if now.memory:
            self._last = now
            self._most = max(self._most, now.memory)
            self._room = min(self._room, now.memory + free_memory())

    def _ended(self, work: Literal["inspect", "probe"], cause: Literal["time", "memory", "end"]) -> Exception:
        """The error that says how the process came to its end; it is brought about here where a limit was broken."""
        if cause == "end":
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(5)  # its output ended first
        self._kill()
        end = self._said.seek(0, os.SEEK_END)
        self._said.seek(max(0, end - _TAIL))
        said = self._said.read().decode(errors="replace")
        status = self._process.returncode
        ending = Ending(work, cause, status, self._last.cpu, self._most, self._room, said, self._limits)
        error = explained(ending)
        log.warning(
            "the check ended: %s; exit status %d, %.0f MB, %.1f s of processor time; it wrote: %s",
            error.problem,
            status,
            self._most / 1e6,
            self._last.cpu,
            said[-1000:].strip() or "nothing",
        )
        return error

    def _kill(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    @property
    def _stdin(self) -> IO[bytes]:
        assert self._process.stdin
        return self._process.stdin

    @property
    def _stdout(self) -> IO[bytes]:
        assert self._process.stdout
        return self._process.stdout


def _answer(line: bytes) -> dict[str, Any]:
    """A whole line of JSON; nothing for anything else, which no sound process writes."""
    with suppress(ValueError):
        answer = json.loads(line) if line.endswith(b"\n") else None
        if isinstance(answer, dict):
            return answer
    return {}


def environment(scratch: Path) -> dict[str, str]:
    """What the process gets of this one's environment: no credentials, and no GPU.

    The settings go along, since a kind that another package brings may have some; what may be a secret does not.
    """
    settings = {
        name: value
        for name, value in os.environ.items()
        if name.startswith("FIRSTPASS_") and not any(part in name for part in _NEVER)
    }
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {
        **settings,
        **kept,
        "FIRSTPASS_HOME": str(home()),
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),  # finds what is found here
        "CUDA_VISIBLE_DEVICES": "",
    }

"""supervisord: its generated configuration, and talking to it over its socket.

It starts PostgreSQL and Airflow's four processes, each in a process group of its own, starts them again when they end,
however they end, and rotates what they print. There is no restart loop of our own.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from xmlrpc.client import Error, Fault, ServerProxy

import psutil
from supervisor.xmlrpc import SupervisorTransport

from firstpass.errors import FirstpassError
from firstpass.stack import postgres
from firstpass.stack.layout import Layout

# Logs of tasks are read from disk, so the log servers, which listen on every address, are not started.
AIRFLOW = {
    "api-server": ["api-server"],
    "scheduler": ["scheduler", "--skip-serve-logs"],
    "dag-processor": ["dag-processor"],
    "triggerer": ["triggerer", "--skip-serve-logs"],
}
_GROUP = "airflow"


@dataclass(frozen=True, slots=True)
class ProcessState:
    """One supervised process. state: supervisord's word (RUNNING, STARTING, BACKOFF, FATAL, STOPPED, …)."""

    name: str
    state: str
    pid: int | None
    seconds_up: int

    @property
    def alive(self) -> bool:
        """Whether its process exists; for its first seconds supervisord calls it STARTING, later RUNNING."""
        return self.state in {"STARTING", "RUNNING"}


def config(where: Layout) -> str:
    """supervisord's configuration for this stack, as text. It holds no secret."""
    general: dict[str, dict[str, object]] = {
        "supervisord": {
            "identifier": f"firstpass-{where.instance}",
            "directory": where.home,
            "logfile": where.logs / "supervisord.log",
            "logfile_maxbytes": "5MB",
            "logfile_backups": 2,
            "pidfile": where.runtime / "supervisord.pid",
            "childlogdir": where.logs,
            "strip_ansi": "true",
            "umask": "027",  # what the stack writes is nobody else's to read
            **({"user": "root"} if where.as_root else {}),
        },
        "unix_http_server": {"file": where.supervisor_socket, "chmod": "0700"},
        "rpcinterface:supervisor": {
            "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
        },
    }
    database = {
        **_program(where, "postgres", postgres.command(where)),
        "directory": where.postgres,  # its user may have no way into home
        "priority": 10,
        "stopsignal": "INT",  # end sessions and shut down in order; never to the group, whose members know better
        "stopasgroup": "false",
        "stopwaitsecs": 20,
        "startretries": 30,
        **({"user": postgres.USER} if where.as_root else {}),
    }
    programs = {
        f"program:{name}": {
            **_program(where, name, [sys.executable, "-m", "firstpass.stack.child", *arguments]),
            "autostart": "false",
            "startsecs": 10,  # ending sooner than this counts as not having started
            "startretries": 3,
            "stopwaitsecs": 8,
        }
        for name, arguments in AIRFLOW.items()
    }
    # One group: its members are stopped together, and before PostgreSQL.
    group: dict[str, dict[str, object]] = {f"group:{_GROUP}": {"programs": ",".join(AIRFLOW), "priority": 20}}
    return _ini({**general, "program:postgres": database, **programs, **group})


def start(where: Layout, environment: dict[str, str]) -> None:
    """Start supervisord, which starts PostgreSQL and keeps on running when this process ends."""
    where.supervisor_config.write_text(config(where), encoding="utf-8")
    command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(where.supervisor_config)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, umask=0o027)
    if done.returncode:
        raise FirstpassError(
            f"supervisord did not start: {(done.stderr or done.stdout).strip()}",
            f"see {where.logs / 'supervisord.log'}",
        )
    deadline = time.monotonic() + 10
    while processes(where) is None:
        if time.monotonic() > deadline:
            raise FirstpassError("supervisord does not answer", f"see {where.logs / 'supervisord.log'}")
        time.sleep(0.05)


def processes(where: Layout) -> list[ProcessState] | None:
    """Every supervised process, or None when no supervisord answers."""
    try:
        answer: Any = _remote(where).supervisor.getAllProcessInfo()
    except (OSError, Error):
        return None
    return [
        ProcessState(
            info["name"], info["statename"], info["pid"] or None, info["now"] - info["start"] if info["pid"] else 0
        )
        for info in answer
    ]


def ensure(where: Layout, *names: str) -> None:
    """Ask for these processes; those that run already are left alone. Does not wait."""
    for process in processes(where) or ():
        if process.name in names and not process.alive:
            group = _GROUP if process.name in AIRFLOW else process.name
            with suppress(Fault):  # supervisord is about to do it anyway
                _remote(where).supervisor.startProcess(f"{group}:{process.name}", False)


def stop(where: Layout, seconds: float = 40) -> None:
    """Ask supervisord, if there is one, to stop everything and itself, and wait until it has."""
    try:
        remote = _remote(where)
        pid: Any = remote.supervisor.getPID()
        remote.supervisor.shutdown()
    except (OSError, Error):
        return
    with suppress(psutil.NoSuchProcess, psutil.TimeoutExpired):
        psutil.Process(pid).wait(seconds)


def _program(where: Layout, name: str, command: list[str]) -> dict[str, object]:
    return {
        "command": shlex.join(command),
        "directory": where.home,
        "autorestart": "true",
        "startsecs": 1,
        "stopasgroup": "true",
        "killasgroup": "true",
        "redirect_stderr": "true",
        "stdout_logfile": where.logs / f"{name}.log",
        "stdout_logfile_maxbytes": "10MB",
        "stdout_logfile_backups": 3,
    }


def _remote(where: Layout) -> ServerProxy:
    # The host is of no meaning: the transport goes to the socket.
    return ServerProxy(
        "http://localhost", transport=SupervisorTransport(None, None, f"unix://{where.supervisor_socket}")
    )


def _ini(sections: dict[str, dict[str, object]]) -> str:
    """supervisord expands %(…)s in values, in the names of log files twice, so a path's percent signs are repeated."""
    lines = []
    for section, values in sections.items():
        lines.append(f"[{section}]")
        for key, value in values.items():
            percent = "%%%%" if key == "stdout_logfile" else "%%"
            lines.append(f"{key}={str(value).replace('%', percent)}")
        lines.append("")
    return "\n".join(lines)

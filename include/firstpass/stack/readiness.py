"""Whether Airflow can start, and whether it has: its port, and what it says of its own health."""

from __future__ import annotations

import json
import socket
import time
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import psutil

from firstpass.errors import FirstpassError
from firstpass.settings import settings
from firstpass.stack import supervision
from firstpass.stack.layout import Layout


def check_port() -> None:
    """Better one clear sentence now than an API server that is started again and again."""
    port = settings().port
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # or the last stack's closed connections count
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise FirstpassError(
                f"port {port} on 127.0.0.1 cannot be used for Airflow's UI: {error.strerror}{_listener(port)}",
                f"stop what listens on port {port}, or choose another one with FIRSTPASS_PORT",
            ) from error


def _listener(port: int) -> str:
    """Who has the port, as far as this user may know."""
    with suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            address = connection.laddr
            if address and address.port == port and connection.status == psutil.CONN_LISTEN and connection.pid:
                return f" by process {connection.pid} ({psutil.Process(connection.pid).name()})"
    return ""


def wait_healthy(where: Layout, seconds: float = 600) -> None:
    """Wait for the API server, the scheduler and the DAG processor. A process that supervisord gave up ends it."""
    deadline = time.monotonic() + seconds
    # The API that tasks talk to builds itself at its first request, during which nothing else is answered: have that
    # over with while the scheduler starts, not when the first task does.
    while not (_answer("/execution/health", timeout=60) and healthy()):
        for process in supervision.processes(where) or ():
            if process.state == "FATAL":
                log = where.logs / f"{process.name}.log"
                raise FirstpassError(f"{process.name} does not stay up:\n{_tail(log)}", f"see {log}")
        if time.monotonic() > deadline:
            raise FirstpassError(
                f"Airflow was not ready after {seconds:.0f} s",
                f"see the logs of {', '.join(supervision.AIRFLOW)} in {where.logs}; `firstpass up` continues to wait",
            )
        time.sleep(0.3)


def healthy(port: int | None = None) -> bool:
    """What Airflow says of itself, on the port of the settings or on another one."""
    parts = _answer("/api/v2/monitor/health", port=port)
    return all(
        (parts.get(name) or {}).get("status") == "healthy" for name in ("metadatabase", "scheduler", "dag_processor")
    )


def _answer(path: str, timeout: float = 5, port: int | None = None) -> dict[str, Any]:
    """The API server's JSON; empty when it does not answer."""
    connection = HTTPConnection("127.0.0.1", port or settings().port, timeout=timeout)
    try:
        connection.request("GET", path)
        answer: Any = json.load(connection.getresponse())
    except (OSError, HTTPException, ValueError):
        return {}
    else:
        return answer if isinstance(answer, dict) else {}  # whoever else may have the port
    finally:
        connection.close()


def _tail(log: Path, lines: int = 5) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else ""

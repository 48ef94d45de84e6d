"""The real stack, started once for the session in a home of its own: a developer's own stack is not touched."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from doubles.cvat import CvatDouble

ROOT = Path(__file__).resolve().parents[2]
FIRSTPASS = Path(sys.executable).with_name("firstpass")


@dataclass
class Stack:
    """A home with a running stack, driven through the command line as a user would.

    A command with another environment starts the stack again.
    """

    home: Path
    environment: dict[str, str]

    def __call__(self, *arguments: str | Path, timeout: int = 240) -> subprocess.CompletedProcess:
        return subprocess.run(
            [FIRSTPASS, *map(str, arguments)],
            env=self.environment,
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def run(self, *arguments: str | Path, code: int = 0, timeout: int = 240) -> dict:
        """`firstpass run … --json`, its summary read back."""
        done = self("run", *arguments, "--json", timeout=timeout)
        assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return json.loads(done.stdout)

    def sql(self, query: str) -> list[tuple]:
        import psycopg2

        dsn = self("sql", "--dsn").stdout.strip()
        with psycopg2.connect(dsn) as connection, connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchall()


@pytest.fixture(scope="session")
def webhook():
    """A web server of the test's own, which keeps what is posted to it in `bodies`."""

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self):
            self.server.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Hook) as server:
        server.bodies, server.secret = [], "T0123456789-only-friends-know"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="session")
def cvat():
    """A CVAT that the stack has the connection to."""
    with CvatDouble() as double:
        yield double
        assert double.problems == []


@pytest.fixture(scope="session")
def stack(tmp_path_factory, webhook, cvat):
    home = tmp_path_factory.mktemp("home")
    for name in ("dags", "plugins", "docker", "airflow.cfg"):
        (home / name).symlink_to(ROOT / name)
    (home / "include").mkdir()
    (home / "include" / "samples").symlink_to(ROOT / "include" / "samples")
    shutil.copytree(ROOT / "include" / "models" / "nanodet-coco", home / "include" / "models" / "nanodet-coco")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "FIRSTPASS"))}
    hook = {"conn_type": "http", "host": f"http://127.0.0.1:{webhook.server_address[1]}/services/{webhook.secret}"}
    own = {
        "FIRSTPASS_HOME": str(home),
        "FIRSTPASS_PORT": str(port),
        "AIRFLOW_HOME": str(home),
        "FIRSTPASS_NOTIFY_WEBHOOK_CONN_ID": "chat",
        "AIRFLOW_CONN_CHAT": json.dumps(hook),
        "AIRFLOW_CONN_CVAT_DEFAULT": cvat.connection(),
    }
    stack = Stack(home, kept | own)
    started = stack("up", timeout=280)
    try:
        assert started.returncode == 0, started.stdout + started.stderr
        yield stack
    finally:
        stopped = stack("down")
    assert stopped.returncode == 0, stopped.stdout + stopped.stderr


@pytest.fixture
def photos(tmp_path):
    """A folder of one's own with the sample photographs in it."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for path in (ROOT / "include" / "samples").glob("*.*g"):
        shutil.copy(path, folder)
    return folder

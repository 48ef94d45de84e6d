"""A whole Firstpass with Airflow and PostgreSQL, in a home of its own, driven through the command line."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FIRSTPASS = Path(sys.executable).with_name("firstpass")
PARSED_ONCE = {"AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600"}  # where nobody edits DAG files


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


@contextmanager
def running_stack(home: Path, **environment: str) -> Iterator[Stack]:
    """A stack with these variables, in a home of its own that is made here."""
    home.mkdir()
    for name in ("dags", "plugins", "docker", "airflow.cfg"):
        (home / name).symlink_to(ROOT / name)
    (home / "include").mkdir()
    (home / "include" / "samples").symlink_to(ROOT / "include" / "samples")
    shutil.copytree(ROOT / "include" / "models" / "nanodet-coco", home / "include" / "models" / "nanodet-coco")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "FIRSTPASS"))}
    own = {
        "FIRSTPASS_HOME": str(home),
        "FIRSTPASS_PORT": str(port),
        "AIRFLOW_HOME": str(home),
    }
    stack = Stack(home, kept | own | environment)
    started = stack("up", timeout=280)
    try:
        assert started.returncode == 0, started.stdout + started.stderr
        yield stack
    finally:
        stopped = stack("down")
    assert stopped.returncode == 0, stopped.stdout + stopped.stderr

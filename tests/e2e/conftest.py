"""The real stack, started once for the session in a home of its own: a developer's own stack is not touched."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FIRSTPASS = Path(sys.executable).with_name("firstpass")


@dataclass(frozen=True)
class Stack:
    """A home with a running stack, driven through the command line as a user would."""

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
def stack(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    for name in ("dags", "plugins", "airflow.cfg"):
        (home / name).symlink_to(ROOT / name)
    (home / "include").mkdir()
    (home / "include" / "samples").symlink_to(ROOT / "include" / "samples")
    shutil.copytree(ROOT / "include" / "models" / "nanodet-coco", home / "include" / "models" / "nanodet-coco")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "FIRSTPASS"))}
    stack = Stack(home, kept | {"FIRSTPASS_HOME": str(home), "FIRSTPASS_PORT": str(port), "AIRFLOW_HOME": str(home)})
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

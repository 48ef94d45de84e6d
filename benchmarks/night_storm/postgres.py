"""The embedded PostgreSQL, started again whenever it ends, as supervisord would: so it can be killed like the rest."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import threading
from contextlib import closing, suppress
from typing import Any

import psutil
import psycopg2

from firstpass.stack import postgres
from firstpass.stack.layout import make_layout

_DATABASE = "firstpass"


class KeptPostgres:
    """A server that lives as long as this object's context, and not longer than this process.

    Whoever may enter its socket's folder may connect, whatever user they run as: the storm's children give up root's
    right to read everything.
    """

    def __enter__(self) -> KeptPostgres:
        self._where = make_layout()
        self._ended = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        postgres.prepare(self._where)
        self._end_leftover()
        self._keeper = threading.Thread(target=self._keep, daemon=True)
        self._keeper.start()
        postgres.wait_ready(self._where, 60)
        self._open_socket()
        postgres.create_databases(self._where)
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._process:
            self._process.send_signal(signal.SIGINT)
        self._keeper.join(30)

    @property
    def dsn(self) -> str:
        return postgres.dsn(_DATABASE, self._where)

    def wait(self) -> None:
        """Until it answers."""
        postgres.wait_ready(self._where, 60)

    def kill(self) -> bool:
        """The server's first process, with SIGKILL. Whether there was one."""
        if self._process is None or self._process.poll() is not None:
            return False
        self._process.kill()
        return True

    def kill_session(self) -> bool:
        """The process that serves somebody's connection: the server then ends all the others, and recovers."""
        with suppress(psycopg2.Error), closing(psycopg2.connect(self.dsn, connect_timeout=2)) as conn:
            with conn.cursor() as cur:
                cur.execute(
                    "SELECT pid FROM pg_stat_activity WHERE datname = %s AND application_name = 'firstpass'"
                    " ORDER BY backend_start DESC LIMIT 1",
                    [_DATABASE],
                )
                found = cur.fetchone()
            if found:
                with suppress(ProcessLookupError):
                    os.kill(found[0], signal.SIGKILL)
                    return True
        return False

    def save(self, name: str) -> None:
        """Copy the warehouse to a database of this name, in place of an older one. Nobody may be connected."""
        self._administer(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)', self._copy(name, _DATABASE))

    def load(self, name: str | None) -> None:
        """Put the warehouse back as it was saved; an empty one for None."""
        copy = self._copy(_DATABASE, name) if name else f'CREATE DATABASE "{_DATABASE}"'
        self._administer(f'DROP DATABASE IF EXISTS "{_DATABASE}" WITH (FORCE)', copy)

    def forget(self, *names: str) -> None:
        self._administer(*(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)' for name in names))

    @staticmethod
    def _copy(new: str, old: str) -> str:
        return f'CREATE DATABASE "{new}" TEMPLATE "{old}"'

    def _administer(self, *statements: str) -> None:
        with closing(psycopg2.connect(postgres.dsn("postgres", self._where))) as conn:
            conn.autocommit = True
            with conn.cursor() as cur:
                cur.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND backend_type ="
                    " 'client backend'",
                    [_DATABASE],
                )
                for statement in statements:
                    cur.execute(statement)

    def _keep(self) -> None:
        # fsync only matters to a machine that loses power; what is killed here is the server.
        more = ["-c", "unix_socket_permissions=0777", "-c", "fsync=off"]
        options: dict[str, Any] = {}
        if self._where.as_root:
            options = {"user": postgres.USER, "group": postgres.USER, "extra_groups": []}
        with (self._where.logs / "postgres.log").open("ab") as log:
            while not self._ended.is_set():
                self._process = subprocess.Popen(
                    [*postgres.command(self._where), *more],
                    cwd=self._where.postgres,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,  # Ctrl-C is for the storm alone
                    preexec_fn=_end_with_parent,
                    **options,
                )
                self._process.wait()
                self._ended.wait(0.3)

    def _open_socket(self) -> None:
        """The folder is closed to all but its owner, and a root without its privileges is somebody else."""
        self._where.postgres.chmod(0o755)
        self._where.postgres_socket.chmod(0o755)

    def _end_leftover(self) -> None:
        """What a storm that was killed left behind, should it still be there."""
        pid_file = self._where.postgres / "data" / "postmaster.pid"
        with suppress(OSError, ValueError, psutil.Error):
            leftover = psutil.Process(int(pid_file.read_text().split()[0]))
            if "postgres" in leftover.name() and str(self._where.postgres) in " ".join(leftover.cmdline()):
                leftover.send_signal(signal.SIGQUIT)
                leftover.wait(20)


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGQUIT)  # PR_SET_PDEATHSIG

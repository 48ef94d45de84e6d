"""A backup file as it lies on disk: whether it is one, of which warehouse, and whether all of it is there.

Reading it changes nothing and needs no server. It is pg_dump's custom format: compressed, with a table of contents at
its beginning.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from firstpass.errors import FirstpassError
from firstpass.warehouse import client_programs
from firstpass.warehouse.migration import RELEASE_COMMENT

_SIGNATURE = b"PGDMP"
_ROWS = re.compile(r"^\d+; \d+ \d+ TABLE DATA (\S+) schema_migrations ", re.MULTILINE)
_MIGRATION = re.compile(r"^(\d+)\t", re.MULTILINE)
_RELEASE = re.compile(rf"^COMMENT ON TABLE \S+ IS '{re.escape(RELEASE_COMMENT)}(.*)';$", re.MULTILINE)
_CHUNK = 2**20


@dataclass(frozen=True, slots=True)
class Archive:
    """path: the file. namespace: the schema that its tables are in. migrations: the numbers of those that its
    warehouse had. release: the release of Firstpass that applied the last of them, empty where that was before releases
    were noted. postgres: the version of the server that it was taken from."""

    path: Path
    namespace: str
    migrations: frozenset[int]
    release: str
    postgres: str

    @property
    def schema(self) -> int:
        """The number of the last migration."""
        return max(self.migrations)

    def script(self) -> subprocess.Popen[bytes]:
        """pg_restore, writing what the file holds to its stdout as SQL: a psql script, without owners and rights."""
        return subprocess.Popen(
            [client_programs.newest("pg_restore"), *_OPTIONS, f"--schema={self.namespace}", "-f", "-", self.path],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def measure(self, tell: Callable[[int], None] = lambda _: None) -> int:
        """Read the file to its end; gives the length of its script in bytes.

        `tell` gets the bytes read so far, often. Raises FirstpassError for a file that is damaged or cut short.
        """
        size = 0
        with self.script() as reading:
            assert reading.stdout
            assert reading.stderr
            while part := reading.stdout.read(_CHUNK):
                size += len(part)
                tell(size)
            said = reading.stderr.read().decode("utf-8", "replace")
        if reading.returncode:
            _damaged(self.path, said)
        return size


_OPTIONS = ("--no-owner", "--no-privileges", "--no-tablespaces", "--no-security-labels")


def open_archive(path: Path) -> Archive:
    """What the file's table of contents says. Raises FirstpassError for what is no backup of a warehouse."""
    try:
        with path.open("rb") as file:
            beginning = file.read(len(_SIGNATURE))
    except OSError as error:
        raise FirstpassError(f"{path} cannot be read: {error.strerror}", "name a backup's file") from error
    if beginning != _SIGNATURE:
        raise FirstpassError(
            f"{path} is not a backup: it does not begin as pg_dump's custom format does",
            "name a file that `firstpass warehouse backup` or `pg_dump --format=custom` wrote",
        )
    contents = _pg_restore(path, "--list")
    table = _ROWS.search(contents)
    if table is None:
        raise FirstpassError(
            f"{path} is a backup of another database, not of a warehouse: it has no rows of schema_migrations",
            "name a file that `firstpass warehouse backup` wrote",
        )
    namespace = table[1]
    sql = _pg_restore(path, f"--schema={namespace}", "--table=schema_migrations", "-f", "-")
    numbers = frozenset(int(number) for number in _MIGRATION.findall(sql))
    if not numbers:
        raise FirstpassError(f"{path} is a backup of a warehouse without tables", "name another file")
    release, server = _RELEASE.search(sql), re.search(r"^;\s+Dumped from database version: (\S+)", contents, re.M)
    return Archive(path, namespace, numbers, release[1] if release else "", server[1] if server else "")


def _pg_restore(path: Path, *options: str) -> str:
    done = subprocess.run(
        [client_programs.newest("pg_restore"), *options, path],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False,
    )  # fmt: skip
    if done.returncode:
        _damaged(path, done.stderr)
    return done.stdout


def _damaged(path: Path, said: str) -> NoReturn:
    reason = " ".join(said.replace("pg_restore: error: ", "").split())[:500]
    if "unsupported version" in reason:
        raise FirstpassError(
            f"{path} was written by a newer pg_dump than the pg_restore here can read ({reason})",
            "install newer PostgreSQL client programs; they are found by themselves",
        )
    raise FirstpassError(
        f"{path} is damaged or cut short: {reason or 'it cannot be read to its end'}",
        "copy the file again from where it was made, or take an older backup",
    )

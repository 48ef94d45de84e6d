"""The warehouse in one file, as of one moment, while a night goes on writing."""

from __future__ import annotations

import dataclasses
import fcntl
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import IO

from firstpass.errors import FirstpassError, Unavailable
from firstpass.warehouse import client_programs
from firstpass.warehouse.archive import Archive, open_archive
from firstpass.warehouse.connection import address, connect
from firstpass.warehouse.program_errors import explained

TELL_EVERY = 15.0  # seconds
_COMPRESSION = "--compress=1"  # a third of the default's time for a file 7 % larger: a night may want the cores


@dataclasses.dataclass(frozen=True, slots=True)
class Backup:
    """archive: what the file says of itself. size: its bytes."""

    archive: Archive
    size: int


def back_up(dsn: str, path: Path, *, replace: bool = False, tell: Callable[[str], None] = lambda _: None) -> Backup:
    """Write the warehouse's tables with their rows into `path`, for its owner alone (0600).

    It is one snapshot: what is committed after the beginning is not in it, and nobody waits for the backup, except who
    changes the schema. The file gets its name when it is whole; a backup that is killed leaves `.NAME.partial`, which
    the next one writes over. Not in it: models, the files of runs, Airflow's own database.

    `tell` gets a line every few seconds. Raises FirstpassError when the file exists and is not to be replaced, when no
    pg_dump here is as new as the server, when a right is missing, and where there is no warehouse yet; Unavailable when
    the disk is full or the server goes away.
    """
    if path.exists() and not replace:
        raise FirstpassError(f"{path} exists already", "choose another name, or give --replace")
    server, namespace = _look(dsn)
    program = client_programs.newest("pg_dump", server)
    try:
        with _draft(path) as (draft, descriptor):
            _dump(
                [str(program), "--format=custom", _COMPRESSION, f"--schema={namespace}", f"--file={draft}"],
                dsn,
                descriptor,
                tell,
            )
            archive, size = open_archive(draft), draft.stat().st_size
            draft.replace(path)
            return Backup(dataclasses.replace(archive, path=path), size)
    except OSError as error:
        raise FirstpassError(
            f"cannot write {path}: {error.strerror or error}", f"make {path.parent} a folder that you may write into"
        ) from error


def _look(dsn: str) -> tuple[int, str]:
    """The server's major version and the schema of the warehouse's tables."""
    with closing(connect()) as conn, conn.cursor() as cursor:
        cursor.execute("SELECT current_schema(), to_regclass('schema_migrations') IS NOT NULL")
        ((namespace, there),) = cursor.fetchall()
        if not there:
            raise FirstpassError(
                f"the database at {address(dsn)} has no warehouse's tables yet: there is nothing to back up",
                "correct FIRSTPASS_WAREHOUSE_DSN, or run a first night",
            )
        return conn.server_version // 10000, namespace


@contextmanager
def _draft(path: Path) -> Iterator[tuple[Path, int]]:
    """The file that is written before it gets its name, and a descriptor that holds its lock.

    pg_dump inherits the descriptor: one that outlives a killed Firstpass still keeps others from its file.
    """
    draft = path.with_name(f".{path.name}.partial")
    descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            draft.stat()  # gone: another backup ended between opening and locking, and gave this file its name
        except (BlockingIOError, FileNotFoundError):
            raise FirstpassError(f"another backup is writing {path}", "wait for it, or choose another name") from None
        try:
            os.fchmod(descriptor, 0o600)
            yield draft, descriptor
        except BaseException:
            with suppress(OSError):
                draft.unlink()
            raise
    finally:
        os.close(descriptor)


def _dump(command: list[str], dsn: str, descriptor: int, tell: Callable[[str], None]) -> None:
    environment = os.environ | client_programs.libpq(dsn) | {"PGAPPNAME": "firstpass backup"}
    with tempfile.TemporaryFile() as said:
        dumping = subprocess.Popen(
            [*command, "--no-password"], env=environment, stdin=subprocess.DEVNULL, stdout=said, stderr=said,
            pass_fds=[descriptor],
        )  # fmt: skip
        try:
            while True:
                with suppress(subprocess.TimeoutExpired):
                    dumping.wait(TELL_EVERY)
                    break
                tell(f"{os.fstat(descriptor).st_size / 1e6:,.0f} MB written")
        finally:
            dumping.kill()  # without effect where it has ended
            dumping.wait()
        if dumping.returncode:
            raise _failed(said)


def _failed(said: IO[bytes]) -> FirstpassError:
    said.seek(0)
    text = said.read(100_000).decode("utf-8", "replace").replace("pg_dump: ", "")
    if "No space left on device" in text or "Disk quota exceeded" in text:
        return Unavailable("the disk is full", "free space, or write the backup to another disk")
    return explained("the backup failed", text)

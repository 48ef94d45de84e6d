"""A backup's tables, put into a warehouse that is empty: whole, or not at all."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import closing, suppress
from typing import IO

import psycopg2
from psycopg2.extensions import connection

from firstpass.errors import FirstpassError
from firstpass.refusals import missing_right
from firstpass.warehouse import client_programs
from firstpass.warehouse.archive import Archive
from firstpass.warehouse.connection import address, connect, transaction
from firstpass.warehouse.emptying import DROP, NOT_EMPTY, REFUSE_ROWS
from firstpass.warehouse.migration import migrate, migrations
from firstpass.warehouse.program_errors import explained

Tell = Callable[[str], None]

_CHUNK = 2**20
TELL_EVERY = 15.0  # seconds
_OLDEST = 15
# pg_restore sets this for every server, and one that does not know it would refuse the whole script.
_UNKNOWN_BEFORE_17 = b"SET transaction_timeout = 0;\n"
_FIX_NOT_EMPTY = (
    "restore into a new database: name it in FIRSTPASS_WAREHOUSE_DSN. What is there is never overwritten; "
    "back it up first if it is the one to give up"
)


def restore(dsn: str, archive: Archive, tell: Tell = lambda _: None) -> int:
    """Put the archive's tables and rows into the warehouse, and bring them to this release's schema; gives its number.

    Before anything is changed the file is read to its end, and the warehouse must be empty: no tables, or a warehouse's
    own without rows. Then everything happens in one transaction, which a killed process leaves undone. Nothing of
    owners and rights is taken over: all is the user's who restores.

    `tell` gets a line every few seconds. Raises FirstpassError for a file of a newer release, one that is damaged, a
    warehouse that is not empty, a server older than PostgreSQL 15, a missing right; Unavailable for a server that goes
    away meanwhile.
    """
    check_release(archive)
    with closing(connect()) as conn:
        _check_server(conn, archive, dsn)
        _check_empty(conn, dsn)
        server = conn.server_version // 10000
    tell(f"Checking {archive.path}")
    size = archive.measure(_now_and_then(lambda done: f"{done / 1e6:,.0f} MB checked", tell))
    tell("Restoring")
    progress = _now_and_then(lambda done: f"{done / size:.0%} of {size / 1e6:,.0f} MB restored", tell)
    _play(archive, dsn, server, progress)
    with closing(connect()) as conn:
        schema = migrate(conn)
        with transaction(conn) as cursor:
            cursor.execute("ANALYZE")
    return schema


def check_release(archive: Archive) -> None:
    """Raise FirstpassError for a file whose warehouse has migrations that this release does not know."""
    known = migrations()
    if newer := archive.migrations - known.keys():
        made = f"made by Firstpass {archive.release}, " if archive.release else ""
        raise FirstpassError(
            f"{archive.path} has schema {max(newer)} ({made}newer than this release), this one knows {max(known)}",
            f"restore it with Firstpass {archive.release or 'of that release'} or newer",
        )


def _check_server(conn: connection, archive: Archive, dsn: str) -> None:
    if conn.server_version < _OLDEST * 10000:
        raise FirstpassError(
            f"the server at {address(dsn)} is PostgreSQL {conn.server_version // 10000}",
            f"use PostgreSQL {_OLDEST} or newer",
        )
    with transaction(conn) as cursor:
        cursor.execute("SELECT current_schema()")
        ((namespace,),) = cursor.fetchall()
    if namespace != archive.namespace:
        raise FirstpassError(
            f"the tables in {archive.path} are of schema {archive.namespace}, and new tables at {address(dsn)} would be"
            f" made in {namespace or 'none'}",
            f"CREATE SCHEMA {archive.namespace} there, and make it the first in the user's search_path",
        )


def _check_empty(conn: connection, dsn: str) -> None:
    """Said before the file is read, which takes long; the transaction that restores asks again."""
    try:
        with transaction(conn) as cursor:
            cursor.execute(REFUSE_ROWS)
    except psycopg2.errors.RaiseException as error:
        raise _not_empty(str(error), dsn) from None
    except psycopg2.Error as error:
        raise missing_right(error) or error from error


def _not_empty(said: str, dsn: str) -> FirstpassError:
    line = next(line for line in said.splitlines() if NOT_EMPTY in line)
    what = line.partition(NOT_EMPTY)[2].strip()
    return FirstpassError(f"the warehouse at {address(dsn)} is not empty: it has {what}", _FIX_NOT_EMPTY)


def _now_and_then(words: Callable[[int], str], tell: Tell) -> Callable[[int], None]:
    """Takes the bytes that are done, often; tells them rarely."""
    last = time.monotonic()

    def told(done: int) -> None:
        nonlocal last
        if time.monotonic() - last >= TELL_EVERY:
            last = time.monotonic()
            tell(words(done))

    return told


def _play(archive: Archive, dsn: str, server: int, tell: Callable[[int], None]) -> None:
    """The archive's script through psql, in one transaction.

    COMMIT is the last that is written, and nothing but the whole script comes before it: psql's own
    --single-transaction would commit what it has when a killed Firstpass stops writing.
    """
    environment = os.environ | client_programs.libpq(dsn) | {"PGAPPNAME": "firstpass restore"}
    options = ["--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1", "--file=-"]
    with tempfile.TemporaryFile() as said:
        psql = subprocess.Popen(
            [client_programs.newest("psql"), *options],
            env=environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said,
        )  # fmt: skip
        assert psql.stdin
        try:
            _write(archive, psql.stdin, server, tell)
        except BrokenPipeError:
            pass  # psql has ended, and has said why
        except BaseException:
            psql.kill()
            raise
        finally:
            with suppress(BrokenPipeError):
                psql.stdin.close()
            psql.wait()
        if psql.returncode:
            said.seek(0)
            text = said.read(100_000).decode("utf-8", "replace")
            raise _not_empty(text, dsn) if NOT_EMPTY in text else explained("nothing was restored", text)


def _write(archive: Archive, psql: IO[bytes], server: int, tell: Callable[[int], None]) -> None:
    psql.write(f"BEGIN;\n{REFUSE_ROWS};\n{DROP};\n".encode())
    done = 0
    with archive.script() as reading:
        assert reading.stdout
        assert reading.stderr
        try:
            beginning = reading.stdout.read(_CHUNK)
            if server < 17:
                beginning = beginning.replace(_UNKNOWN_BEFORE_17, b"", 1)
            while beginning:
                psql.write(beginning)
                tell(done := done + len(beginning))
                beginning = reading.stdout.read(_CHUNK)
        except BaseException:
            reading.kill()
            raise
        said = reading.stderr.read().decode("utf-8", "replace")
    if reading.returncode:
        raise explained("nothing was restored", said)
    psql.write(b"COMMIT;\n")
    psql.flush()

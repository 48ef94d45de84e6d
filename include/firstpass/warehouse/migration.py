"""Brings a warehouse to the schema that this code knows: numbered SQL files, each in a transaction of its own."""

from __future__ import annotations

from importlib.metadata import version as installed
from importlib.resources import files

from psycopg2.extensions import connection

from firstpass.errors import FirstpassError
from firstpass.warehouse.connection import transaction

LOCK = 0x46697273745061  # any number that nobody else locks
RELEASE_COMMENT = "brought to this schema by Firstpass "
"""How the comment on schema_migrations begins; the release follows. A backup takes it along."""

Migrations = dict[int, tuple[str, str]]
"""Number → (file name, SQL)."""


def migrate(conn: connection, known: Migrations | None = None) -> int:
    """Apply the migrations that are missing, in order; gives the schema's version, the number of the last one.

    known: other migrations than this release's own. Two at once are fine: the second waits and finds nothing to
    do. A migration that fails leaves the ones before it applied and nothing of itself. There is no way back to an older
    version. Raises FirstpassError when the database was migrated by a newer release.
    """
    known = known or migrations()
    with transaction(conn) as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
    try:
        with transaction(conn) as cursor:
            cursor.execute("SELECT to_regclass('schema_migrations')")
            if cursor.fetchall() == [(None,)]:  # a user who may make no tables may still use those that are there
                cursor.execute(
                    "CREATE TABLE schema_migrations"
                    " (version integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
                )
            cursor.execute("SELECT version FROM schema_migrations")
            applied = {int(version) for (version,) in cursor.fetchall()}
        if newer := applied - known.keys():
            raise FirstpassError(
                f"the warehouse has schema {max(newer)}, this release of Firstpass knows {max(known)}",
                "run the newer release that migrated it, or point FIRSTPASS_WAREHOUSE_DSN at another database",
            )
        for version in sorted(known.keys() - applied):
            name, sql = known[version]
            with transaction(conn) as cursor:
                cursor.execute(sql)
                cursor.execute("INSERT INTO schema_migrations (version, name) VALUES (%s, %s)", [version, name])
                comment = RELEASE_COMMENT + installed("firstpass")
                cursor.execute("COMMENT ON TABLE schema_migrations IS %s", [comment])
    finally:
        if not conn.closed:
            with transaction(conn) as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])
    return max(known)


def migrations() -> Migrations:
    """Those of this release."""
    return {
        int(file.name.split("_")[0]): (file.name, file.read_text("utf-8"))
        for file in files("firstpass.warehouse").joinpath("migrations").iterdir()
        if file.name.endswith(".sql")
    }

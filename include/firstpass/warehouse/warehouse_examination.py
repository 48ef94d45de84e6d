"""Whether the warehouse can be used: the server's version, its schema, and what the configured user may do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

from psycopg2.extensions import connection

from firstpass import findings
from firstpass.errors import FirstpassError
from firstpass.findings import Finding
from firstpass.refusals import GRANT
from firstpass.warehouse import client_programs
from firstpass.warehouse.connection import address, connect, transaction
from firstpass.warehouse.migration import migrations

ITEM = "warehouse"
OLDEST_POSTGRES = 15

_RIGHTS = """
SELECT current_schema(), pg_is_in_recovery(), pg_database_size(current_database()),
    has_database_privilege(current_database(), 'TEMP'),
    coalesce(has_schema_privilege(current_schema(), 'CREATE'), false), to_regclass('schema_migrations') IS NOT NULL
"""
_TABLES = """
SELECT array_agg(c.relname::text ORDER BY c.relname) FILTER (WHERE NOT pg_has_role(c.relowner, 'USAGE')),
    array_agg(c.relname::text ORDER BY c.relname) FILTER (WHERE NOT has_table_privilege(c.oid, 'SELECT')
        OR c.relkind <> 'v' AND c.relname <> 'schema_migrations' AND NOT (has_table_privilege(c.oid, 'INSERT')
        AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE')))
FROM pg_class c WHERE c.relkind IN ('r', 'p', 'v') AND c.relnamespace = current_schema()::regnamespace
"""


def examine_warehouse(dsn: str, kind: str) -> list[Finding]:
    """Connects once, without waiting, and changes nothing. kind: `embedded` or `external`, for the words."""
    with closing(connect(patience=0)) as conn:
        conn.set_session(readonly=True)
        major = conn.server_version // 10000
        with transaction(conn) as cursor:
            cursor.execute(_RIGHTS)
            ((namespace, standby, size, temporary, create, there),) = cursor.fetchall()
        where = f"PostgreSQL {conn.info.parameter_status('server_version')}, {kind}"
        where += f", at {address(dsn)}" if kind == "external" else ""
        found = [*_server(major, standby, namespace, temporary)]
        found += _tables(conn, create) if there else _no_tables(create)
        found += _programs(major)
    return [findings.ok(ITEM, f"{where}, {size / 1e6:,.0f} MB"), *found]


def _server(major: int, standby: bool, namespace: str | None, temporary: bool) -> Iterator[Finding]:
    if major < OLDEST_POSTGRES:
        yield findings.problem(ITEM, f"PostgreSQL {major} is too old", f"move to PostgreSQL {OLDEST_POSTGRES} or newer")
    if standby:
        yield findings.problem(ITEM, "the server is a standby: it takes no writes", "name the primary server")
    if namespace is None:
        yield findings.problem(ITEM, "the user may use no schema of its search_path", GRANT)
    if not temporary:
        yield findings.problem(
            ITEM, "the user may make no temporary tables, which merges need", "GRANT TEMPORARY ON DATABASE … TO …"
        )


def _no_tables(create: bool) -> Iterator[Finding]:
    if create:
        yield findings.ok("its schema", "no tables yet: the first night, `firstpass up` or a restore makes them")
    else:
        yield findings.problem("its schema", "there are no tables, and the user may make none", GRANT)


def _tables(conn: connection, create: bool) -> Iterator[Finding]:
    item = "its schema"
    with transaction(conn) as cursor:
        applied = _applied(cursor)
        cursor.execute(_TABLES)
        ((others, closed),) = cursor.fetchall()
    known = migrations()
    if newer := applied - known.keys():
        yield findings.problem(
            item, f"schema {max(newer)} is of a newer release, this one knows {max(known)}", "run the newer release"
        )
        return
    if closed:
        yield findings.problem(item, f"the user may not read and write {_listed(closed)}", GRANT)
    missing = known.keys() - applied
    may_change = create and not others
    if not missing:
        yield findings.ok(item, f"schema {max(known)}, that of this release")
    elif may_change:
        yield findings.warning(
            item, f"schema {max(applied, default=0)}, this release's is {max(known)}",
            "`firstpass warehouse backup FILE`, then `firstpass warehouse upgrade`; a night upgrades it, too",
        )  # fmt: skip
    if not may_change:
        why = f"others own {_listed(others)}" if others else "the user may make no tables"
        tell = findings.problem if missing else findings.warning
        yield tell(item, f"it can not be upgraded by this user: {why}", GRANT)


def _applied(cursor: Any) -> set[int]:
    cursor.execute("SELECT version FROM schema_migrations")
    return {int(version) for (version,) in cursor.fetchall()}


def _listed(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _programs(major: int) -> Iterator[Finding]:
    try:
        program = client_programs.newest("pg_dump", major)
    except FirstpassError as error:
        yield findings.warning("backups", error.problem, error.fix)
    else:
        yield findings.ok("backups", f"{program} can read this server")

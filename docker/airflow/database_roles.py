"""PostgreSQL's roles on the single server: one owns Airflow's database, one the warehouse, and neither more than that.

The superuser's password stays with init. Databases of releases before 0.2.0, which the superuser owned, change hands.
"""

from __future__ import annotations

from contextlib import closing

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import cursor, make_dsn, parse_dsn

# Tables first: their sequences and row types go with them.
_OBJECTS = """
SELECT 'TABLE', oid::regclass::text FROM pg_class WHERE relkind IN ('r', 'p') AND {belongs}
UNION ALL SELECT 'VIEW', oid::regclass::text FROM pg_class WHERE relkind = 'v' AND {belongs}
UNION ALL SELECT 'MATERIALIZED VIEW', oid::regclass::text FROM pg_class WHERE relkind = 'm' AND {belongs}
UNION ALL SELECT 'SEQUENCE', oid::regclass::text FROM pg_class WHERE relkind = 'S' AND {belongs}
    AND NOT EXISTS (SELECT 1 FROM pg_depend WHERE objid = pg_class.oid AND deptype IN ('a', 'i') AND refobjsubid > 0)
UNION ALL SELECT 'ROUTINE', oid::regprocedure::text FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace AND pg_get_userbyid(proowner) <> {role}
UNION ALL SELECT 'TYPE', oid::regtype::text FROM pg_type
    WHERE typtype IN ('e', 'd') AND typnamespace = 'public'::regnamespace AND pg_get_userbyid(typowner) <> {role}
"""
_BELONGS = "relnamespace = 'public'::regnamespace AND pg_get_userbyid(relowner) <> {role}"


def make_owner(superuser: str, dsn: str) -> None:
    """Make the user of `dsn` with its password, and the database of `dsn`, all of which belongs to that user then.

    superuser: a DSN that may do so. May be run again: the password is set anew. Raises psycopg2.Error when the server
    cannot be reached or refuses.
    """
    wanted = parse_dsn(dsn)
    role, database = wanted["user"], wanted["dbname"]
    with closing(psycopg2.connect(make_dsn(superuser, dbname="postgres"))) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            _make_role(cursor, role, wanted["password"])
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database])
            verb = "ALTER DATABASE {} OWNER TO {}" if cursor.fetchone() else "CREATE DATABASE {} OWNER {}"
            cursor.execute(sql.SQL(verb).format(sql.Identifier(database), sql.Identifier(role)))
            cursor.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(database)))
    with closing(psycopg2.connect(make_dsn(superuser, dbname=database))) as connection:
        with connection.cursor() as cursor:
            _hand_over(cursor, role)
        connection.commit()


def _make_role(cursor: cursor, role: str, password: str) -> None:
    cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
    verb = "ALTER" if cursor.fetchone() else "CREATE"
    rights = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD"
    cursor.execute(sql.SQL(f"{verb} ROLE {{}} {rights} {{}}").format(sql.Identifier(role), sql.Literal(password)))


def _hand_over(cursor: cursor, role: str) -> None:
    cursor.execute(sql.SQL("ALTER SCHEMA public OWNER TO {}").format(sql.Identifier(role)))
    literal = sql.Literal(role)
    cursor.execute(sql.SQL(_OBJECTS).format(belongs=sql.SQL(_BELONGS).format(role=literal), role=literal))
    for kind, name in cursor.fetchall():  # the name comes quoted from PostgreSQL
        statement = f"ALTER {kind} {name} OWNER TO {{}}"
        cursor.execute(sql.SQL(statement).format(sql.Identifier(role)))

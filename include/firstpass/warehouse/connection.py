"""Connections to the warehouse."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
from psycopg2.extensions import connection, cursor, parse_dsn

from firstpass import resolvers
from firstpass.errors import FirstpassError, Unavailable
from firstpass.settings import settings

log = logging.getLogger("firstpass")

_FIX = "start it (`firstpass up` starts the embedded one), or correct FIRSTPASS_WAREHOUSE_DSN"


def connect(patience: float = 30.0) -> connection:
    """A new connection to the warehouse; the caller closes it. Its schema is `migrate`'s affair.

    A server that is not there yet (starting, restarting, network) is waited for, up to `patience` seconds. Raises
    Unavailable when it stays unreachable, FirstpassError when it turns us away; neither shows the password. A
    connection that is lost later raises psycopg2.OperationalError, which `outages.outage` knows for what it is.
    """
    dsn = _dsn()
    give_up = time.monotonic() + patience
    while True:
        try:
            return psycopg2.connect(dsn, application_name="firstpass", connect_timeout=10)
        except psycopg2.ProgrammingError:
            raise FirstpassError(
                "FIRSTPASS_WAREHOUSE_DSN is not a PostgreSQL connection string",
                "write it as postgresql://user:password@host:5432/database",
            ) from None
        except psycopg2.OperationalError as error:
            reason = str(error).strip().replace(_password(dsn), "…")
            if _refused(reason):
                raise FirstpassError(f"the warehouse at {address(dsn)} cannot be used: {reason}", _FIX) from None
            if time.monotonic() >= give_up or not _may_come_back(reason):
                raise Unavailable(f"the warehouse at {address(dsn)} cannot be used: {reason}", _FIX) from None
            log.warning("The warehouse at %s does not answer yet; waiting for it", address(dsn))
            time.sleep(min(1.0, patience / 4))


@contextmanager
def transaction(conn: connection, cursor_factory: type[cursor] = cursor) -> Iterator[cursor]:
    """A cursor in a transaction that is committed when the block ends and rolled back when it raises.

    Unlike psycopg2's own `with connection`, it lets the error through with which a connection was lost. Not for
    nesting: the inner block would commit the outer one's work.
    """
    try:
        with conn.cursor(cursor_factory=cursor_factory) as cur:
            yield cur
        conn.commit()
    except BaseException:
        if not conn.closed:
            conn.rollback()
        raise


def address(dsn: str) -> str:
    """Host, port and database of a DSN, for people: without user and password."""
    parts = parse_dsn(dsn)
    host = parts.get("host", "localhost")
    return f"{host}:{parts.get('port', '5432')}/{parts.get('dbname', '')}"


def _dsn() -> str:
    configured = settings().warehouse_dsn.get_secret_value()
    if configured:
        return configured
    return resolvers.warehouse_dsn()


def _password(dsn: str) -> str:
    return parse_dsn(dsn).get("password") or "\0"


def _refused(reason: str) -> bool:
    """Whether a person is needed: a wrong password, a missing database, an unknown host stay what they are.

    Only for servers that speak English; others' refusals are waited for like an outage, which costs time.
    """
    return any(
        sign in reason
        for sign in (
            "authentication failed",
            "does not exist",
            "no pg_hba.conf entry",
            "no password supplied",
            "not permitted to log in",
            "permission denied",
            "certificate",
            "does not support SSL",
            "Name or service not known",
            "No address associated with hostname",
        )
    )


def _may_come_back(reason: str) -> bool:
    """Whether a server says that it will be there within seconds."""
    return any(
        sign in reason
        for sign in (
            "Connection refused",
            "starting up",
            "shutting down",
            "timeout expired",
            "No such file or directory",
            "server closed the connection",
            "in recovery",
            "too many clients",
            "remaining connection slots",
        )
    )

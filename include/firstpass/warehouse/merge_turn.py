"""Merges take turns: two runs over the same images neither collide nor deadlock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg2.extensions import connection, cursor

from firstpass.warehouse.connection import transaction

_LOCK = 0x6D65726765


@contextmanager
def turn(conn: connection) -> Iterator[cursor]:
    """A transaction that has the merging to itself; it ends with the block.

    It does not wait for the disk: the next ordinary commit (`record_stage`, say) makes it durable as well. Until then a
    server that crashes takes it back and breaks the connection, so that the task is tried again.
    """
    with transaction(conn) as cur:
        cur.execute("SET LOCAL synchronous_commit = off; SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        yield cur

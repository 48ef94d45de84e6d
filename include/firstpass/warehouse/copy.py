"""COPY of encoded columns into a table, through psycopg2."""

from __future__ import annotations

from io import BytesIO

from psycopg2 import sql
from psycopg2.extensions import cursor

from firstpass.warehouse.binary import HEADER, TRAILER, Field, encode

Columns = dict[str, Field]
"""Column name → its encoded field; see `firstpass.warehouse.binary`."""


def copy(cur: cursor, table: str, columns: Columns) -> None:
    """Append the rows to the table in one COPY. The fields' types must be the columns' own: nothing is converted."""
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(sql.Identifier(table), names)
    rows = b"".join([HEADER, encode(list(columns.values())), TRAILER])
    cur.copy_expert(statement, BytesIO(rows), size=1 << 18)

"""COPY of encoded columns into a table, through psycopg2."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

from psycopg2 import sql
from psycopg2.extensions import cursor

from firstpass.warehouse.copy_encoding import HEADER, TRAILER, Field, encode


@dataclass(frozen=True, slots=True)
class Copy:
    """Rows of one table, ready to be sent any number of times."""

    statement: sql.Composed
    stream: bytes

    def into(self, cur: cursor) -> None:
        """Append the rows in one COPY. Raises psycopg2.errors.UniqueViolation when one of them is there already."""
        cur.copy_expert(self.statement, BytesIO(self.stream), size=1 << 18)


def copy(table: str, columns: dict[str, Field]) -> Copy:
    """Column name → its encoded field (see `firstpass.warehouse.copy_encoding`), as a COPY into `table`.

    The fields' types must be the columns' own: PostgreSQL converts nothing in a binary COPY.
    """
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(sql.Identifier(table), names)
    return Copy(statement, b"".join([HEADER, encode(list(columns.values())), TRAILER]))

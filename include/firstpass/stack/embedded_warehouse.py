"""The embedded server as the warehouse, where no other one is configured. Imports no database driver by itself."""

from __future__ import annotations

from firstpass import resolvers


def register() -> None:
    """Let the local stack answer where the warehouse is; see `firstpass.resolvers`."""
    resolvers.register(warehouse_dsn=_dsn)


def _dsn() -> str:
    from firstpass.stack.postgres import dsn  # psycopg2 is not there in a pod

    return dsn("firstpass")

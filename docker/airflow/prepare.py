"""Makes what the DAGs expect to be there: the warehouse's database and tables, and the buckets."""

from __future__ import annotations

from contextlib import closing

import psycopg2
from botocore.exceptions import ClientError
from psycopg2 import sql
from psycopg2.extensions import make_dsn, parse_dsn

from firstpass import storage
from firstpass.settings import settings
from firstpass.warehouse.connection import connect
from firstpass.warehouse.migration import migrate


def make_database(dsn: str) -> None:
    """Make the database that `dsn` names, unless it can be connected to already.

    Raises psycopg2.Error when the server cannot be reached or does not let this user make one.
    """
    try:
        psycopg2.connect(dsn).close()
    except psycopg2.OperationalError:
        with closing(psycopg2.connect(make_dsn(dsn, dbname="postgres"))) as administration:
            administration.autocommit = True
            with administration.cursor() as cursor:
                cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(parse_dsn(dsn)["dbname"])))


def make_bucket(uri: str) -> None:
    """Make the bucket of an s3:// URI, unless it is there. Credentials that may not look do not make one either."""
    if not storage.is_s3(uri):
        return
    bucket = uri.removeprefix("s3://").partition("/")[0]
    try:
        storage.s3().head_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] == "404":
            storage.s3().create_bucket(Bucket=bucket)


def main() -> None:
    """Database, tables, buckets."""
    if dsn := settings().warehouse_dsn.get_secret_value():
        make_database(dsn)
    with closing(connect()) as warehouse:
        migrate(warehouse)
    for uri in (settings().storage, settings().models):
        make_bucket(uri)


if __name__ == "__main__":
    main()

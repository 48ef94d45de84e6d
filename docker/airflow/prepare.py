"""Makes what Airflow and the DAGs expect to be there.

`prepare.py databases`, before Airflow's own migration: where SUPERUSER_DSN is set, the two roles and their databases.
`prepare.py`, after it: the warehouse's tables, and the buckets.
"""

from __future__ import annotations

import os
import sys
from contextlib import closing

import database_roles
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


def make_owners(superuser: str) -> None:
    """Roles and databases of Airflow and of the warehouse, on the server that `superuser` is a DSN of."""
    airflow = os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].replace("postgresql+psycopg2:", "postgresql:", 1)
    for dsn in (airflow, settings().warehouse_dsn.get_secret_value()):
        database_roles.make_owner(superuser, dsn)


def main() -> None:
    """What the command line asks for."""
    settings()  # refuses what does not fit, before anything is made
    if sys.argv[1:] == ["databases"]:
        if superuser := os.environ.get("SUPERUSER_DSN"):
            make_owners(superuser)
        return
    if dsn := settings().warehouse_dsn.get_secret_value():
        make_database(dsn)
    with closing(connect()) as warehouse:
        migrate(warehouse)
    for uri in (settings().storage, settings().models):
        make_bucket(uri)


if __name__ == "__main__":
    main()

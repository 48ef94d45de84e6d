"""`firstpass warehouse`: back it up, restore it, bring it to this release's schema."""

from __future__ import annotations

import json
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

import click

from firstpass.cli.file_modes import persons_own
from firstpass.cli.stack import say
from firstpass.cli.stack import warehouse as serve

_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_file = click.argument("file", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def warehouse() -> None:
    """Back up, restore, move and upgrade the annotation warehouse."""


@warehouse.command()
@_file
@click.option("--replace", is_flag=True, help="Replace FILE if it exists, once the new backup is whole.")
@_as_json
def backup(file: Path, replace: bool, as_json: bool) -> None:
    """Write the warehouse into FILE, as of one moment, while nights go on.

    FILE is for its owner alone and gets its name when it is whole. It is PostgreSQL's custom format. Models, the files
    of runs and Airflow's own database are not in it.
    """
    from firstpass.warehouse.backup import back_up

    dsn = serve()
    with persons_own():
        made = back_up(dsn, file.absolute(), replace=replace, tell=say)
    archive = made.archive
    if as_json:
        about = {"file": str(archive.path), "bytes": made.size, "schema": archive.schema}
        click.echo(json.dumps(about | {"release": archive.release, "postgres": archive.postgres}, indent=1))
    else:
        size = f"{made.size / 1e6:,.1f} MB" if made.size >= 1e6 else f"{made.size / 1e3:,.0f} kB"
        click.echo(f"{archive.path}: {size}, schema {archive.schema}, from PostgreSQL {archive.postgres}")


@warehouse.command()
@_file
@_as_json
def restore(file: Path, as_json: bool) -> None:
    """Put the backup FILE into a warehouse that is empty, and bring it to this release's schema.

    All of it or nothing: a restore that is killed leaves the warehouse empty. Refused for a warehouse with rows, for a
    file of a newer release, and for one that is damaged. To move to another server, name it in FIRSTPASS_WAREHOUSE_DSN.
    """
    from firstpass.warehouse.archive import open_archive
    from firstpass.warehouse.restore import check_release
    from firstpass.warehouse.restore import restore as put_back

    archive = open_archive(file)
    check_release(archive)  # before a server is started for it
    schema = put_back(serve(), archive, say)
    if as_json:
        click.echo(json.dumps({"file": str(file), "schema_in_file": archive.schema, "schema": schema}, indent=1))
    else:
        upgraded = "" if schema == archive.schema else f" and brought from schema {archive.schema} to {schema}"
        click.echo(f"{file} was restored{upgraded}.")


@warehouse.command()
@_as_json
def upgrade(as_json: bool) -> None:
    """Bring the warehouse to this release's schema. `firstpass up` does it too; twice is fine.

    There is no way back to an older release but a backup.
    """
    from firstpass.warehouse.connection import connect
    from firstpass.warehouse.migration import migrate

    serve()
    with closing(connect()) as conn:
        schema = migrate(conn)
    release = version("firstpass")
    if as_json:
        click.echo(json.dumps({"schema": schema, "release": release}, indent=1))
    else:
        click.echo(f"The warehouse has schema {schema}, that of Firstpass {release}.")

"""What the configured user may do in the warehouse is told before a night meets it."""

from __future__ import annotations

import pytest
from psycopg2.extensions import make_dsn, parse_dsn

from firstpass.errors import FirstpassError
from firstpass.findings import Standing
from firstpass.warehouse import client_programs
from firstpass.warehouse.migration import migrations
from firstpass.warehouse.warehouse_examination import examine_warehouse
from fixtures.servers import administer


def told(dsn: str, standing: Standing) -> str:
    return "\n".join(f.words for f in examine_warehouse(dsn, "external") if f.standing is standing)


def test_all_is_well(warehouse_dsn):
    found = examine_warehouse(warehouse_dsn, "external")
    assert {f.standing for f in found} == {Standing.OK}
    assert "PostgreSQL 1" in found[0].words
    assert f"schema {max(migrations())}, that of this release" in told(warehouse_dsn, Standing.OK)


def test_an_older_release_of_the_server_will_do(older_postgres_dsn, new_database, use_warehouse):
    dsn = use_warehouse(new_database(older_postgres_dsn))
    assert told(dsn, Standing.PROBLEM) == ""
    assert "no tables yet" in told(dsn, Standing.OK)


def test_an_old_schema_is_a_warning(warehouse_dsn):
    administer(warehouse_dsn, "DELETE FROM schema_migrations WHERE version = 72")
    try:
        assert "this release's is" in told(warehouse_dsn, Standing.WARNING)
    finally:
        administer(warehouse_dsn, "INSERT INTO schema_migrations VALUES (72, '0072_partial_chunks.sql')")


def test_a_newer_schema_is_a_problem(warehouse_dsn):
    administer(warehouse_dsn, "INSERT INTO schema_migrations VALUES (9999, 'later')")
    try:
        assert "schema 9999 is of a newer release" in told(warehouse_dsn, Standing.PROBLEM)
    finally:
        administer(warehouse_dsn, "DELETE FROM schema_migrations WHERE version = 9999")


def test_rights_on_rows_alone_are_a_warning(lesser_user, use_warehouse):
    rights = "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {}"
    dsn = use_warehouse(lesser_user(rights))
    assert told(dsn, Standing.PROBLEM) == ""
    assert "upgraded by this user: others own " in told(dsn, Standing.WARNING)


def test_tables_that_may_not_be_written_are_named(lesser_user, use_warehouse):
    rights = "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {}"
    dsn = use_warehouse(
        lesser_user(rights, "REVOKE UPDATE ON runs, chunks FROM {}", "REVOKE SELECT ON run_drafts FROM {}")
    )
    assert told(dsn, Standing.PROBLEM) == "the user may not read and write chunks, run_drafts, runs"


def test_a_user_who_may_make_no_tables(lesser_user, new_database, use_warehouse):
    target = new_database()
    name = target.split("dbname=")[1].split()[0]
    administer(target, f"REVOKE ALL ON DATABASE {name} FROM PUBLIC", f"GRANT CONNECT ON DATABASE {name} TO PUBLIC")
    dsn = use_warehouse(make_dsn(target, user=parse_dsn(lesser_user())["user"]))
    problems = told(dsn, Standing.PROBLEM)
    assert "the user may make none" in problems
    assert "no temporary tables" in problems


def test_a_server_that_is_away_is_not_waited_for(use_warehouse, tmp_path):
    dsn = use_warehouse(f"postgresql://me:sesame@/photos?host={tmp_path}")
    with pytest.raises(FirstpassError) as caught:
        examine_warehouse(dsn, "external")
    assert "sesame" not in str(caught.value)


def test_programs_that_are_too_old_for_backups(warehouse_dsn, monkeypatch):
    def newest(name, server):
        raise FirstpassError("the newest pg_dump here is of 11", "install")

    monkeypatch.setattr(client_programs, "newest", newest)
    assert "pg_dump here is of 11" in told(warehouse_dsn, Standing.WARNING)

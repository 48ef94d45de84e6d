"""A restore gives back every row, into an empty warehouse alone, whole or not at all."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
from psycopg2.extensions import make_dsn

from firstpass.errors import FirstpassError
from firstpass.warehouse import client_programs
from firstpass.warehouse import restore as restoring
from firstpass.warehouse.archive import open_archive
from firstpass.warehouse.backup import back_up
from firstpass.warehouse.connection import connect
from firstpass.warehouse.migration import migrate, migrations
from firstpass.warehouse.restore import restore
from fixtures.made_up_runs import query
from fixtures.servers import administer

OLD = Path(__file__).with_name("release_0_1_0") / "warehouse.sql"


def test_every_row_is_back_on_another_server(archive, warehouse_dsn, elsewhere, new_database, use_warehouse, rows_of):
    """Into a database without tables; a server of PostgreSQL 15 gets what 18's pg_dump wrote."""
    other = use_warehouse(new_database(elsewhere))
    assert restore(other, archive) == max(migrations())
    before = rows_of(warehouse_dsn)
    assert before["outcomes"]
    assert rows_of(other) == before
    with closing(psycopg2.connect(other)) as conn:
        assert query(conn, "SELECT count(*) FROM run_drafts") > [(0,)]
        assert query(conn, "SELECT count(*) FROM pg_constraint WHERE contype = 'f'") > [(0,)]
        assert migrate(conn) == max(migrations())


def test_a_moved_warehouse_can_be_moved_back(
    archive, older_postgres_dsn, new_database, use_warehouse, rows_of, tmp_path
):
    older = use_warehouse(new_database(older_postgres_dsn))
    restore(older, archive)
    again = back_up(older, tmp_path / "again.dump").archive
    assert again.postgres.split(".")[0] != archive.postgres.split(".")[0]
    back = use_warehouse(new_database())
    restore(back, again)
    assert rows_of(back) == rows_of(older)


def test_empty_tables_make_room(archive, warehouse_dsn, new_database, use_warehouse, rows_of):
    other = use_warehouse(new_database())
    with closing(connect()) as conn:
        migrate(conn)
    restore(other, archive)
    assert rows_of(other) == rows_of(warehouse_dsn)


def test_a_warehouse_with_rows_is_left_alone(archive, warehouse_dsn, rows_of):
    before = rows_of(warehouse_dsn)
    with pytest.raises(FirstpassError, match=r"is not empty: it has rows in .*outcomes") as caught:
        restore(warehouse_dsn, archive)
    assert "FIRSTPASS_WAREHOUSE_DSN" in caught.value.fix
    assert rows_of(warehouse_dsn) == before


def test_tables_that_are_no_warehouses_are_left_alone(archive, new_database, use_warehouse, rows_of):
    other = use_warehouse(new_database())
    administer(other, "CREATE TABLE customers (name text)")
    with pytest.raises(FirstpassError, match=r"not a warehouse's, customers for one"):
        restore(other, archive)
    assert rows_of(other) == {"customers": []}


def test_functions_and_views_that_are_no_warehouses_are_left_alone(archive, new_database, use_warehouse, rows_of):
    other = use_warehouse(new_database())
    administer(other, "CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql RETURN 2 * n")
    restore(other, archive)
    with closing(psycopg2.connect(other)) as conn:
        assert query(conn, "SELECT twice(21)") == [(42,)]
    third = use_warehouse(new_database())
    administer(third, "CREATE VIEW today AS SELECT current_date")
    with pytest.raises(FirstpassError, match="today for one"):
        restore(third, archive)


def test_a_run_that_begins_meanwhile_is_not_lost(archive, new_database, use_warehouse, rows_of, monkeypatch):
    """It comes between the first look and the transaction, which looks again."""
    other = use_warehouse(new_database())
    with closing(connect()) as conn:
        migrate(conn)
    row = "INSERT INTO image_faults VALUES ('ab', 'toy@1', 'killed', 1, '{}', 'a run')"
    monkeypatch.setattr(type(archive), "measure", lambda *_: administer(other, row) or 1)
    with pytest.raises(FirstpassError, match="rows in image_faults"):
        restore(other, archive)
    assert len(rows_of(other)["image_faults"]) == 1


def test_a_file_of_a_newer_release_is_refused(filled, warehouse_dsn, new_database, use_warehouse, rows_of, tmp_path):
    with closing(connect()) as conn:
        migrate(conn, migrations() | {9999: ("9999_later.sql", "SELECT 1")})
        query(conn, "COMMENT ON TABLE schema_migrations IS 'brought to this schema by Firstpass 7.1.0'")
    try:
        later = back_up(warehouse_dsn, tmp_path / "later.dump").archive
    finally:
        administer(warehouse_dsn, "DELETE FROM schema_migrations WHERE version = 9999")
    other = use_warehouse(new_database())
    with pytest.raises(FirstpassError, match=r"schema 9999 .*made by Firstpass 7.1.0") as caught:
        restore(other, later)
    assert "7.1.0" in caught.value.fix
    assert rows_of(other) == {}


@pytest.mark.parametrize("share", [0.6, 0.95])
def test_a_file_that_is_cut_short_changes_nothing(archive, new_database, use_warehouse, rows_of, share):
    whole = archive.path.read_bytes()
    archive.path.write_bytes(whole[: int(len(whole) * share)])
    other = use_warehouse(new_database())
    with pytest.raises(FirstpassError, match="damaged or cut short"):
        restore(other, archive)
    assert rows_of(other) == {}


def test_a_file_that_breaks_while_it_is_restored_changes_nothing(
    archive, new_database, use_warehouse, rows_of, monkeypatch
):
    """It was whole when it was checked."""
    other = use_warehouse(new_database())
    whole = archive.path.read_bytes()
    cut = whole[: int(len(whole) * 0.95)]
    monkeypatch.setattr(type(archive), "measure", lambda *_: archive.path.write_bytes(cut))
    with pytest.raises(FirstpassError, match="nothing was restored"):
        restore(other, archive)
    assert rows_of(other) == {}


def _killed_in_the_middle(dsn: str, path: Path) -> None:
    os.environ["FIRSTPASS_WAREHOUSE_DSN"] = dsn
    restoring.TELL_EVERY = 0.0

    def kill(line: str) -> None:
        if line.endswith("restored"):
            os.kill(os.getpid(), signal.SIGKILL)

    restore(dsn, open_archive(path), kill)


def test_nothing_is_left_of_a_killed_restore(archive, warehouse_dsn, new_database, use_warehouse, rows_of):
    """Killed when all but COMMIT was sent. The same command does it then."""
    other = use_warehouse(new_database())
    child = multiprocessing.get_context("spawn").Process(target=_killed_in_the_middle, args=(other, archive.path))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    busy = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'firstpass restore'"
    with closing(psycopg2.connect(other)) as conn:
        while query(conn, busy) != [(0,)]:
            pass
    assert rows_of(other) == {}
    restore(other, archive)
    assert rows_of(other) == rows_of(warehouse_dsn)


def test_a_user_without_rights_is_told(archive, new_database, use_warehouse, lesser_user, rows_of):
    user = psycopg2.extensions.parse_dsn(lesser_user())["user"]
    target = new_database()
    administer(target, "REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    other = use_warehouse(make_dsn(target, user=user))
    with pytest.raises(FirstpassError, match=r"lacks a right: .*permission denied for schema public") as caught:
        restore(other, archive)
    assert "GRANT CREATE" in caught.value.fix
    assert rows_of(target) == {}


def test_tables_of_another_schema_are_refused(archive, new_database, use_warehouse):
    other = new_database()
    administer(other, "CREATE SCHEMA photos")
    use_warehouse(make_dsn(other, options="-c search_path=photos"))
    with pytest.raises(FirstpassError, match=r"are of schema public, .*made in photos"):
        restore(other, archive)


def test_a_backup_of_release_0_1_0_is_restored_and_upgraded(new_database, use_warehouse, elsewhere, tmp_path):
    """As `pg_dump --format=custom` took it: that release had no command for it."""
    old, path = new_database(), tmp_path / "old.dump"
    psql = [client_programs.newest("psql"), "--quiet", "--set=ON_ERROR_STOP=1", "--file", OLD, old]
    subprocess.run(psql, check=True, stdout=subprocess.DEVNULL)
    subprocess.run([client_programs.newest("pg_dump"), "--format=custom", "--file", path, old], check=True)
    with closing(psycopg2.connect(old)) as conn:
        before = query(conn, "SELECT outcome, count(*), sum(detections) FROM outcomes GROUP BY 1 ORDER BY 1")
    found = open_archive(path)
    assert found.schema < max(migrations())
    assert found.release == ""
    other = use_warehouse(new_database(elsewhere))
    assert restore(other, found) == max(migrations())
    with closing(psycopg2.connect(other)) as conn:
        assert query(conn, "SELECT outcome, count(*), sum(detections) FROM outcomes GROUP BY 1 ORDER BY 1") == before
        assert query(conn, "SELECT count(*) FROM predictions") == [(10,)]

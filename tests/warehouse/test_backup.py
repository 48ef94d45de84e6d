"""A backup is one moment of the warehouse, whole or not there."""

from __future__ import annotations

import fcntl
import threading
from contextlib import closing

import psycopg2
import pytest

from firstpass.errors import FirstpassError, Unavailable
from firstpass.settings import settings
from firstpass.warehouse import client_programs
from firstpass.warehouse.archive import open_archive
from firstpass.warehouse.backup import back_up
from firstpass.warehouse.migration import migrations
from firstpass.warehouse.restore import restore
from fixtures.made_up_runs import catalogue, merge_all, query, row


def test_a_backup_says_what_it_is_of_and_is_its_owners_alone(filled, warehouse_dsn, tmp_path):
    made = back_up(warehouse_dsn, tmp_path / "warehouse.dump")
    assert made.archive.path.stat().st_mode & 0o777 == 0o600
    assert made.size == made.archive.path.stat().st_size
    assert (made.archive.schema, made.archive.migrations) == (max(migrations()), frozenset(migrations()))
    assert made.archive.release
    assert [path.name for path in tmp_path.glob("*.dump*")] == ["warehouse.dump"]


def test_a_file_is_replaced_only_on_request_and_only_by_a_whole_one(filled, warehouse_dsn, tmp_path, monkeypatch):
    path = tmp_path / "warehouse.dump"
    path.write_text("precious")
    with pytest.raises(FirstpassError, match="exists already"):
        back_up(warehouse_dsn, path)
    with monkeypatch.context() as patch:
        patch.setattr(client_programs, "newest", lambda *_: "/bin/false")
        with pytest.raises(FirstpassError, match="the backup failed"):
            back_up(warehouse_dsn, path, replace=True)
    assert path.read_text() == "precious"
    assert list(tmp_path.glob(".warehouse*")) == []
    back_up(warehouse_dsn, path, replace=True)
    assert open_archive(path).schema == max(migrations())


def test_what_a_killed_backup_left_is_written_over(filled, warehouse_dsn, tmp_path):
    (tmp_path / ".warehouse.dump.partial").write_bytes(b"PGDMP and then death" * 100_000)
    back_up(warehouse_dsn, tmp_path / "warehouse.dump").archive.measure()
    assert list(tmp_path.glob(".warehouse*")) == []


def test_two_backups_never_write_one_file(filled, warehouse_dsn, tmp_path):
    partial = tmp_path / ".warehouse.dump.partial"
    with partial.open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(FirstpassError, match="another backup is writing"):
            back_up(warehouse_dsn, tmp_path / "warehouse.dump")
        assert partial.exists()


def test_a_folder_that_is_not_there_is_said(filled, warehouse_dsn, tmp_path):
    with pytest.raises(FirstpassError, match=r"cannot write .*nowhere"):
        back_up(warehouse_dsn, tmp_path / "nowhere" / "warehouse.dump")


def test_a_full_disk_is_something_to_wait_for(filled, warehouse_dsn, tmp_path, monkeypatch):
    full = tmp_path / "pg_dump"
    full.write_text(
        "#!/bin/sh\necho 'pg_dump: error: could not write to output file: No space left on device' >&2\nexit 1"
    )
    full.chmod(0o755)
    monkeypatch.setattr(client_programs, "newest", lambda *_: full)
    with pytest.raises(Unavailable, match="disk is full"):
        back_up(warehouse_dsn, tmp_path / "warehouse.dump")


def test_an_empty_database_is_no_backup(new_database, use_warehouse, tmp_path):
    dsn = use_warehouse(new_database())
    with pytest.raises(FirstpassError, match="no warehouse's tables yet"):
        back_up(dsn, tmp_path / "warehouse.dump")
    assert list(tmp_path.glob("*.dump*")) == []


def test_a_user_who_may_not_read_a_table_is_told_which(filled, lesser_user, use_warehouse, tmp_path):
    dsn = use_warehouse(
        lesser_user("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {}", "REVOKE SELECT ON runs FROM {}")
    )
    with pytest.raises(FirstpassError, match=r"lacks a right: .*permission denied for table runs") as caught:
        back_up(dsn, tmp_path / "warehouse.dump")
    assert "OWNER" in caught.value.fix
    assert list(tmp_path.glob("*.dump*")) == []


def test_the_password_is_on_no_command_line(filled, warehouse_dsn, use_warehouse, tmp_path, monkeypatch):
    """The newest pg_dump is found on PATH, too: this one notes how it is called."""
    from psycopg2.extensions import make_dsn

    real = client_programs.newest("pg_dump")
    spy = tmp_path / "bin" / "pg_dump"
    spy.parent.mkdir()
    spy.write_text(
        f'#!/bin/sh\n[ "$1" = --version ] && echo "pg_dump (PostgreSQL) 99.1" && exit\n'
        f'echo "$@" > {tmp_path}/arguments\necho "$PGPASSWORD" > {tmp_path}/password\nexec {real} "$@"\n'
    )
    spy.chmod(0o755)
    monkeypatch.setenv("PATH", str(spy.parent), prepend=":")
    back_up(use_warehouse(make_dsn(warehouse_dsn, password="sesame-street")), tmp_path / "warehouse.dump")
    assert "sesame-street" not in (tmp_path / "arguments").read_text()
    assert (tmp_path / "password").read_text() == "sesame-street\n"


def test_a_backup_under_merges_holds_whole_chunks(
    warehouse, warehouse_dsn, night, new_database, use_warehouse, tmp_path
):
    """What is restored is a state that the warehouse had: a chunk is merged with all of its images, or planned."""
    run = night()
    chunks = [run.chunk(n, [row(f"file:///{n}-{i}.jpg", detections=3) for i in range(60)]) for n in range(30)]
    query(warehouse, "INSERT INTO chunks (run_id, chunk, state) SELECT %s, n, 'planned' FROM generate_series(0, 29) n",
          run.spec.run_id)  # fmt: skip
    begun = threading.Event()
    merging = threading.Thread(target=merge_all, args=(warehouse_dsn, run.spec, catalogue([]), chunks, begun))
    merging.start()
    begun.wait()
    taken = [back_up(warehouse_dsn, tmp_path / "first.dump").archive]
    while merging.is_alive():
        taken.append(back_up(warehouse_dsn, tmp_path / f"{len(taken)}.dump").archive)
    merging.join()
    taken.append(back_up(warehouse_dsn, tmp_path / "last.dump").archive)
    for archive in (taken[0], taken[len(taken) // 2], taken[-1]):
        other = use_warehouse(new_database())
        restore(other, archive)
        with closing(psycopg2.connect(other)) as conn:
            whole = query(conn, "SELECT chunk, images FROM chunks WHERE state = 'merged' ORDER BY 1")
            assert query(conn, "SELECT chunk, count(*) FROM outcomes GROUP BY 1 ORDER BY 1") == whole
            predictions = query(conn, "SELECT count(*) FROM predictions")
            assert predictions == [(60 * len(whole),)]
    assert len(whole) == 30
    settings.cache_clear()

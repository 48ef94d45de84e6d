"""A file is looked at before a warehouse is: what is no backup, or not all of one, is refused."""

from __future__ import annotations

import subprocess

import pytest

from firstpass.errors import FirstpassError
from firstpass.warehouse import client_programs
from firstpass.warehouse.archive import open_archive
from fixtures.servers import administer


@pytest.mark.parametrize("content", [b"", b"PG", b"-- PostgreSQL database dump\n", b"\x1f\x8b\x08" * 99, b"PK\x03\x04"])
def test_what_is_no_backup_is_refused(tmp_path, content):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(FirstpassError, match="is not a backup"):
        open_archive(path)


@pytest.mark.parametrize("name", ["missing", "."])
def test_what_is_no_file_is_refused(tmp_path, name):
    with pytest.raises(FirstpassError, match="cannot be read"):
        open_archive(tmp_path / name)


@pytest.mark.parametrize("share", [0.001, 0.02, 0.3, 0.6, 0.9, 0.999])
def test_a_file_that_is_cut_short_is_refused(archive, tmp_path, share):
    whole = archive.path.read_bytes()
    cut = tmp_path / "cut.dump"
    cut.write_bytes(whole[: max(6, int(len(whole) * share))])
    with pytest.raises(FirstpassError, match="damaged or cut short"):
        open_archive(cut).measure()


def test_a_file_that_is_damaged_is_refused(archive):
    content = bytearray(archive.path.read_bytes())
    content[-2000:-1500] = bytes(500)
    archive.path.write_bytes(content)
    with pytest.raises(FirstpassError, match="damaged or cut short"):
        open_archive(archive.path).measure()


def test_a_backup_of_something_else_is_refused(new_database, tmp_path):
    dsn = new_database()
    administer(dsn, "CREATE TABLE customers (name text)")
    path = tmp_path / "shop.dump"
    subprocess.run([client_programs.newest("pg_dump"), "-Fc", "-f", path, dsn], check=True)
    with pytest.raises(FirstpassError, match="backup of another database"):
        open_archive(path)


def test_a_format_of_the_future_asks_for_newer_programs(archive):
    content = bytearray(archive.path.read_bytes())
    content[6] = 99  # the minor version of the format
    archive.path.write_bytes(content)
    with pytest.raises(FirstpassError, match="newer pg_dump") as caught:
        open_archive(archive.path)
    assert "client programs" in caught.value.fix


def test_the_whole_script_is_measured(archive):
    told = []
    size = archive.measure(told.append)
    assert told[-1] == size > archive.path.stat().st_size

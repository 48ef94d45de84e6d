"""PostgreSQL's programs: the newest is taken, and one that is too old is said before it is tried."""

from __future__ import annotations

import pytest

from firstpass.errors import FirstpassError
from firstpass.warehouse import client_programs
from firstpass.warehouse.client_programs import bundled, libpq, newest


@pytest.fixture
def program(tmp_path, monkeypatch):
    """`program("pg_dump", "16.2")`: one of that version on PATH."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    def make(name: str, version: str):
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version}'\n")
        path.chmod(0o755)
        return path

    return make


def test_the_wheel_has_what_a_backup_needs():
    for name in ("pg_dump", "pg_restore", "psql"):
        assert bundled(name).is_file(), name
        assert newest(name, 18)


@pytest.mark.parametrize(("version", "taken"), [("99.1 (Debian 99.1-1)", True), ("99beta2", True), ("11.2", False)])
def test_the_newest_is_taken(program, version, taken):
    made = program("pg_dump", version)
    assert (newest("pg_dump") == made) is taken


def test_one_that_does_not_run_is_passed_over(program):
    path = program("pg_dump", "99.1")
    path.write_text("#!/nowhere\n")
    assert newest("pg_dump") != path


def test_a_server_that_is_newer_is_said_with_the_package_to_install(monkeypatch):
    monkeypatch.setattr(client_programs, "INSTALLED", ())
    with pytest.raises(
        FirstpassError, match="the server is PostgreSQL 77, and the newest pg_dump here is of 18"
    ) as error:
        newest("pg_dump", 77)
    assert "postgresql-client-77" in error.value.fix


def test_a_program_that_is_nowhere_is_said():
    with pytest.raises(FirstpassError, match="there is no pg_nothing"):
        newest("pg_nothing")


def test_a_dsn_becomes_an_environment():
    assert libpq("postgresql://me:p%40ss@db:5433/photos?sslmode=require&connect_timeout=5") == {
        "PGUSER": "me", "PGPASSWORD": "p@ss", "PGHOST": "db", "PGPORT": "5433", "PGDATABASE": "photos",
        "PGSSLMODE": "require", "PGCONNECT_TIMEOUT": "5",
    }  # fmt: skip
    with pytest.raises(FirstpassError) as caught:
        libpq("sesame street")
    assert "sesame" not in str(caught.value)

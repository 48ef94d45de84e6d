from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from firstpass.cli import stack as commands
from firstpass.errors import FirstpassError
from firstpass.settings import settings
from firstpass.stack.control import Status
from firstpass.stack.supervision import ProcessState

FIRSTPASS = Path(sys.executable).with_name("firstpass")
UP = Status(
    "up",
    "http://127.0.0.1:8080",
    "admin",
    "pass[bold]word",
    (ProcessState("postgres", "RUNNING", 41, 125), ProcessState("triggerer", "STARTING", 42, 3)),
    0,
)


def test_a_stack_that_was_never_started_is_down(call):
    result = call("status")
    assert result.exit_code == 3
    assert "firstpass up" in result.stdout
    assert json.loads(call("status", "--json").stdout)["state"] == "down"


def test_down_is_fine_where_nothing_runs(call):
    result = call("down")
    assert result.exit_code == 0
    assert result.stdout == "Stopped.\n"


def test_status_shows_processes_address_and_login(call, monkeypatch):
    monkeypatch.setattr(commands.control, "status", lambda: UP)
    result = call("status")
    assert result.exit_code == 0
    assert "http://127.0.0.1:8080   user admin   password pass[bold]word" in result.stdout
    assert ["postgres", "running", "41", "2", "min"] in [line.split() for line in result.stdout.splitlines()]


def test_status_for_machines(call, monkeypatch):
    monkeypatch.setattr(commands.control, "status", lambda: UP)
    body = json.loads(call("status", "--json").stdout)
    assert body["state"] == "up"
    assert body["processes"][0] == {"name": "postgres", "state": "RUNNING", "pid": 41, "seconds_up": 125}


def test_processes_without_a_supervisor_are_told(call, monkeypatch):
    monkeypatch.setattr(commands.control, "status", lambda: Status("partly", "http://…", "admin", "", (), 7))
    result = call("status")
    assert result.exit_code == 3
    assert "7 processes" in result.stdout


def test_the_dsn_of_another_server_needs_no_stack(call, monkeypatch):
    monkeypatch.setenv("FIRSTPASS_WAREHOUSE_DSN", "postgresql://someone:word@db:5433/photos")
    settings.cache_clear()
    monkeypatch.setattr(commands.control, "serve_postgres", lambda _: pytest.fail("a server was started"))
    assert call("sql", "--dsn").stdout == "postgresql://someone:word@db:5433/photos\n"


def test_psql_gets_the_password_by_environment(call, monkeypatch):
    monkeypatch.setenv("FIRSTPASS_WAREHOUSE_DSN", "postgresql://someone:word@db:5433/photos?connect_timeout=5")
    settings.cache_clear()
    started = {}
    monkeypatch.setattr(os, "execve", lambda *arguments: started.update(zip("pae", arguments, strict=True)))
    call("sql", "SELECT 1")
    assert "word" not in " ".join(started["a"])
    for name, value in {"PGHOST": "db", "PGPORT": "5433", "PGUSER": "someone", "PGPASSWORD": "word"}.items():
        assert started["e"][name] == value
    assert started["e"]["PGDATABASE"] == "photos"
    assert started["e"]["PGCONNECT_TIMEOUT"] == "5"


def test_a_statement_runs_in_the_warehouse(warehouse_dsn):
    done = subprocess.run([FIRSTPASS, "sql", "SELECT 6 * 7 AS answer"], capture_output=True, text=True, check=True)
    assert "42" in done.stdout
    failed = subprocess.run([FIRSTPASS, "sql", "SELECT nothing"], capture_output=True, text=True, check=False)
    assert failed.returncode != 0


def test_what_is_no_dsn_is_said_without_repeating_it(call, monkeypatch):
    monkeypatch.setenv("FIRSTPASS_WAREHOUSE_DSN", "word-of-pass at db")
    settings.cache_clear()
    result = call("sql", "SELECT 1")
    assert isinstance(result.exception, FirstpassError)
    assert "FIRSTPASS_WAREHOUSE_DSN" in str(result.exception)
    assert "word-of-pass" not in str(result.exception)

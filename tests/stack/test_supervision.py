from __future__ import annotations

import os
import shlex
import signal
import sys
import time
from configparser import RawConfigParser
from dataclasses import replace

import psutil
import pytest
from supervisor.options import ServerOptions

from firstpass.stack import supervision
from firstpass.stack.secrets import make_secrets


@pytest.fixture
def parsed(where):
    parser = RawConfigParser()
    parser.read_string(supervision.config(where))
    return parser


def test_supervisord_understands_its_configuration(where):
    where.supervisor_config.write_text(supervision.config(where))
    options = ServerOptions()
    options.realize(["-c", str(where.supervisor_config)])
    programs = {process.name: process for group in options.process_group_configs for process in group.process_configs}
    assert set(programs) == {"postgres", "api-server", "scheduler", "dag-processor", "triggerer"}
    assert [group.name for group in sorted(options.process_group_configs)] == ["postgres", "airflow"], (
        "groups are stopped in reverse: Airflow first, the database last"
    )


def test_every_program_comes_back_and_its_log_is_bounded(parsed):
    programs = [section for section in parsed.sections() if section.startswith("program:")]
    assert len(programs) == 5
    for section in programs:
        assert parsed[section]["autorestart"] == "true"
        assert parsed[section]["killasgroup"] == "true"
        assert parsed[section]["stdout_logfile_maxbytes"] == "10MB"
        assert parsed[section]["stdout_logfile_backups"] == "3"


def test_log_servers_that_would_listen_on_every_address_are_not_started(parsed):
    for name in ("scheduler", "triggerer"):
        assert parsed[f"program:{name}"]["command"].endswith(f"{name} --skip-serve-logs")


def test_no_secret_is_written_into_it(where):
    secrets = make_secrets(where)
    text = supervision.config(where)
    for name in ("fernet_key", "jwt_secret", "api_secret_key", "admin_password"):
        assert getattr(secrets, name) not in text


def test_a_home_with_spaces_and_percent_signs_arrives_whole(where):
    odd = replace(where, home=where.home / "100% it's; my %2F photos", as_root=False)
    odd.prepare()
    odd.supervisor_config.write_text(supervision.config(odd))
    options = ServerOptions()
    options.realize(["-c", str(odd.supervisor_config)])
    odd.runtime.rmdir()
    [group] = [group for group in options.process_group_configs if group.name == "postgres"]
    assert shlex.split(group.process_configs[0].command)[1:3] == ["-D", f"{odd.home}/var/postgres/data"]
    assert group.process_configs[0].stdout_logfile == f"{odd.logs}/postgres.log"


def test_only_postgresql_changes_its_user_and_only_as_root(where):
    as_root = supervision.config(replace(where, as_root=True))
    assert as_root.count("user=pgserver") == 1
    assert "user=" not in supervision.config(replace(where, as_root=False))


def test_nobody_answers_where_nothing_runs(where):
    assert supervision.processes(where) is None
    supervision.stop(where)  # and stopping it is no error


def test_supervisord_brings_back_what_was_killed_and_stops_all_of_it(where, monkeypatch):
    """The real supervisord, with a stand-in for PostgreSQL."""
    stand_in = [sys.executable, "-c", "import time; time.sleep(99)"]
    monkeypatch.setattr(supervision.postgres, "command", lambda _: stand_in)
    where = replace(where, as_root=False)
    where.postgres.mkdir()
    supervision.start(where, {})
    try:
        first = _wait_for(where, lambda process: process.alive)
        os.kill(first.pid, signal.SIGKILL)
        _wait_for(where, lambda process: process.alive and process.pid != first.pid)
        supervision.ensure(where, "postgres")  # asking for what runs is fine
        assert {p.state for p in supervision.processes(where) if p.name != "postgres"} == {"STOPPED"}
    finally:
        supervision.stop(where)
    assert supervision.processes(where) is None
    assert not psutil.pid_exists(first.pid)


def _wait_for(where, condition):
    for _ in range(100):
        [process] = [process for process in supervision.processes(where) if process.name == "postgres"]
        if condition(process):
            return process
        time.sleep(0.1)
    raise AssertionError(process)

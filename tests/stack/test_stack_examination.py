from __future__ import annotations

import socket

from firstpass.findings import Standing
from firstpass.settings import settings
from firstpass.stack import control, stack_examination
from firstpass.stack.control import Status
from firstpass.stack.stack_examination import examine_stack, examine_versions
from firstpass.stack.supervision import ProcessState


def test_the_installed_versions_are_those_that_are_supported():
    found = examine_versions()
    assert [f.standing for f in found] == [Standing.OK]
    for name in ("Firstpass", "Python 3.11", "apache-airflow 3.3.", "tensorflow 2.21"):
        assert name in found[0].words


def test_another_version_is_a_problem(monkeypatch):
    real = stack_examination.version
    monkeypatch.setattr(stack_examination, "version", lambda name: "2.10.5" if name == "apache-airflow" else real(name))
    assert "apache-airflow is 2.10.5, and ==3.3.* is supported" in examine_versions()[-1].words


def test_a_stack_that_is_down_is_no_problem(monkeypatch, tmp_path):
    monkeypatch.setenv("FIRSTPASS_HOME", str(tmp_path))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        monkeypatch.setenv("FIRSTPASS_PORT", str(probe.getsockname()[1]))
    settings.cache_clear()
    assert [f.standing for f in examine_stack()] == [Standing.UNUSED]
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_is_taken_is_told_before_up(monkeypatch, tmp_path):
    monkeypatch.setenv("FIRSTPASS_HOME", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as other:
        monkeypatch.setenv("FIRSTPASS_PORT", str(other.getsockname()[1]))
        settings.cache_clear()
        (found,) = examine_stack()
    assert found.standing is Standing.WARNING
    assert "cannot be used" in found.words


def test_what_does_not_run_is_named(monkeypatch):
    processes = (ProcessState("postgres", "RUNNING", 41, 125), ProcessState("scheduler", "FATAL", None, 0))
    monkeypatch.setattr(control, "status", lambda: Status("partly", "http://…", "admin", "sesame", processes, 0))
    (found,) = examine_stack()
    assert found.standing is Standing.WARNING
    assert "scheduler fatal" in found.words
    assert "postgres" not in found.words
    idle = (ProcessState("postgres", "RUNNING", 41, 125), ProcessState("scheduler", "STOPPED", None, 0))
    monkeypatch.setattr(control, "status", lambda: Status("partly", "http://…", "admin", "sesame", idle, 0))
    assert [(f.standing, "postgres alone" in f.words) for f in examine_stack()] == [(Standing.UNUSED, True)]
    monkeypatch.setattr(control, "status", lambda: Status("up", "http://there", "admin", "sesame", processes, 0))
    assert examine_stack()[0].words == "up, at http://there"

"""Airflow's own command line gets its arguments as they were typed, and the stack's environment."""

from __future__ import annotations

import os
import sys

import pytest

from firstpass.stack import control


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["dags", "list", "--output", "json"], ["db", "clean", "-h", "--", "--json"], ["version"], []],
)
def test_every_argument_is_airflows(call, monkeypatch, arguments):
    started = []
    monkeypatch.setattr(control, "airflow_environment", lambda _: {"AIRFLOW_HOME": "/stack"})
    monkeypatch.setattr(os, "execve", lambda *exec: started.append(exec))
    assert call("airflow", *arguments).exit_code == 0
    assert started == [(sys.executable, [sys.executable, "-m", "airflow", *arguments], {"AIRFLOW_HOME": "/stack"})]

"""What supervisord starts ends what its predecessor left, and then becomes Airflow."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from firstpass.stack import child, leftovers


def test_the_predecessors_children_are_ended_at_once_before_airflow_takes_over(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[Any] = []

    def find(instance: str, program: str) -> list[str]:
        return [f"worker of {program} in {instance}"]

    monkeypatch.setattr(leftovers, "find", find)
    monkeypatch.setattr(leftovers, "end", lambda processes, patience: done.append((processes, patience)))
    monkeypatch.setattr("os.execv", lambda *command: done.append(command))
    monkeypatch.setenv("FIRSTPASS_INSTANCE", "0a1b2c3d")
    monkeypatch.setenv("SUPERVISOR_PROCESS_NAME", "scheduler")
    monkeypatch.setattr(sys, "argv", ["child", "scheduler", "--skip-serve-logs"])
    child.main()
    assert done == [
        (["worker of scheduler in 0a1b2c3d"], 0),
        (sys.executable, [sys.executable, "-m", "airflow", "scheduler", "--skip-serve-logs"]),
    ]

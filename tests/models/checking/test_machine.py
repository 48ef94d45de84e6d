"""What a process uses and what is left, held against what this process does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from firstpass.models.checking import machine
from firstpass.models.checking.machine import Usage, free_memory, usage


def test_memory_and_processor_time_of_a_process_grow_with_what_it_does():
    before = usage(os.getpid())
    held = b"x" * 64 * 2**20
    while usage(os.getpid()).cpu < before.cpu + 0.05:
        pass
    assert 32 * 2**20 < usage(os.getpid()).memory - before.memory < 500 * 2**20
    assert held[-1] == ord("x")


def test_a_process_that_is_gone_uses_nothing():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert usage(process.pid) == Usage(0, 0.0)


@pytest.fixture
def container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A control group of the test's own."""
    monkeypatch.setattr(machine, "CGROUP", tmp_path)
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("900000\n")
    (tmp_path / "memory.stat").write_text("anon 700000\ninactive_file 150000\n")
    return tmp_path


def test_a_container_has_its_bound_less_what_is_used_but_for_cached_files(container):
    assert free_memory() == 250_000


@pytest.mark.parametrize("most", ["max", None])
def test_without_a_bound_the_machine_counts(container, most):
    (container / "memory.max").unlink() if most is None else (container / "memory.max").write_text(most)
    assert 10 * 2**20 < free_memory() < 2**50

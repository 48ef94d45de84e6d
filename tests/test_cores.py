"""Cores of the machine, of this process, and of its cgroup."""

from __future__ import annotations

import os

import pytest

from firstpass import cores


@pytest.fixture
def cgroup(tmp_path, monkeypatch):
    """`write(line of /proc/self/cgroup, {file: content})`, on a machine of 64 cores."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0: set(range(64))}[process])
    monkeypatch.setattr(cores, "CGROUP", tmp_path / "cgroup")
    monkeypatch.setattr(cores, "MOUNTED", tmp_path / "fs")

    def write(line: str, files: dict[str, str]) -> None:
        (tmp_path / "cgroup").write_text(line + "\n")
        for name, content in files.items():
            path = tmp_path / "fs" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content + "\n")

    return write


def test_without_a_limit_it_is_the_cores_it_may_run_on(cgroup):
    assert cores.usable_cores() == 64, "no cgroups at all"
    cgroup("0::/", {"cpu.max": "max 100000"})
    assert cores.usable_cores() == 64
    cgroup("4:cpu,cpuacct:/", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"})
    assert cores.usable_cores() == 64


@pytest.mark.parametrize(
    ("line", "files", "number"),
    [
        ("0::/", {"cpu.max": "200000 100000"}, 2),
        ("0::/", {"cpu.max": "250000 100000"}, 3),
        ("0::/", {"cpu.max": "50000 100000"}, 1),
        ("0::/", {"cpu.max": "6400000 50000"}, 64),
        ("0::/kubepods/pod1/base", {"cpu.max": "max 100000", "kubepods/pod1/cpu.max": "400000 100000"}, 4),
        ("0::/not/seen/in/here", {"cpu.max": "300000 100000"}, 3),
        ("3:cpu,cpuacct:/pod1", {"cpu/pod1/cpu.cfs_quota_us": "150000", "cpu/pod1/cpu.cfs_period_us": "100000"}, 2),
        ("5:memory:/pod1", {"memory/pod1/cpu.max": "100000 100000"}, 64),
        ("0::/", {"cpu.max": "nonsense"}, 64),
    ],
)
def test_a_cpu_limit_counts(cgroup, line, files, number):
    cgroup(line, files)
    assert cores.usable_cores() == number


def test_pinned_to_fewer_cores_than_the_limit_allows(cgroup, monkeypatch):
    cgroup("0::/", {"cpu.max": "400000 100000"})
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {3, 5})
    assert cores.usable_cores() == 2

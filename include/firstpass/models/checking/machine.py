"""What a process uses, and what the machine has left for it, as Linux tells; zeros and no bound elsewhere."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Usage:
    """memory: resident, in bytes. cpu: processor time in seconds, of all threads."""

    memory: int = 0
    cpu: float = 0.0


def usage(pid: int) -> Usage:
    """What process `pid` uses now; nothing when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return Usage()
    ticks = int(fields[11]) + int(fields[12])
    return Usage(int(fields[21]) * os.sysconf("SC_PAGE_SIZE"), ticks / os.sysconf("SC_CLK_TCK"))


def free_memory() -> float:
    """Bytes that processes here can still get: of the machine, and of the container that this is."""
    return min(_of_machine(), _of_container())


def _of_machine() -> float:
    with suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024.0
    return float("inf")


def _of_container() -> float:
    """The control group's bound, less what it uses; files that are merely cached give way."""
    with suppress(OSError, ValueError, KeyError):
        most = int((CGROUP / "memory.max").read_text())  # "max" where there is no bound
        used = int((CGROUP / "memory.current").read_text())
        lines = (line.split() for line in (CGROUP / "memory.stat").read_text().splitlines())
        cached = {name: int(value) for name, value in lines}["inactive_file"]
        return float(max(0, most - used + cached))
    return float("inf")

"""How many processor cores this process may keep busy."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from math import ceil
from pathlib import Path

CGROUP = Path("/proc/self/cgroup")
MOUNTED = Path("/sys/fs/cgroup")


def usable_cores() -> int:
    """At least 1: the cores that it may run on, or fewer where its cgroup, a container's CPU limit, allows less time.

    Without a CPU limit a container sees all of its machine's cores, whatever it asked for.
    """
    return max(1, min([len(os.sched_getaffinity(0)), *map(ceil, _limits())]))


def _limits() -> Iterator[float]:
    """Cores that the cgroups which this process is in may use, version 1 or 2; nothing where they may use all."""
    lines = []
    with suppress(OSError):
        lines = CGROUP.read_text().splitlines()
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            yield from _along(MOUNTED, path, _quota)
        elif "cpu" in controllers.split(","):
            yield from _along(MOUNTED / "cpu", path, _quota_of_version_1)


def _along(root: Path, path: str, read: Callable[[Path], float]) -> Iterator[float]:
    """From this cgroup up to the root. In a container its own is mounted as the root, whatever it is called outside."""
    folder = root / path.lstrip("/")
    for each in {root, folder, *folder.parents}:
        if each.is_relative_to(root):
            with suppress(OSError, ValueError, ZeroDivisionError):
                if (cores := read(each)) > 0:
                    yield cores


def _quota(folder: Path) -> float:
    quota, period = (folder / "cpu.max").read_text().split()
    return int(quota) / int(period)  # `max` is no number: no limit


def _quota_of_version_1(folder: Path) -> float:
    quota, period = ((folder / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
    return int(quota) / int(period)  # -1: no limit

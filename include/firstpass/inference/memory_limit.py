"""How much memory the process of a chunk may hold, and how much it does."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

from firstpass.settings import Settings, settings

_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12} | {
    unit: 2 ** (10 * power) for power, unit in enumerate(("Ki", "Mi", "Gi", "Ti"), 1)
}
_LEAST = 4 * 2**30  # a chunk at rest holds one; less would end what works
_SHARE = 0.8  # of the machine: the rest is for PostgreSQL, Airflow and the disk's cache
_OF_POD = 0.9  # the rest is for the supervisor, and for what is taken between two looks


def memory_limit() -> int:
    """Bytes that a chunk's process on this machine may hold resident.

    The setting memory; else four fifths of what the machine has, or this process's cgroup, divided by the setting
    workers, and at least 4 GiB. It does not depend on what is in use at the moment: what was too much for it is too
    much tomorrow.
    """
    given = in_bytes(settings().memory)
    if given is not None:
        return given
    there = min([_installed(), *_cgroup_limits()])
    return max(_LEAST, int(there * _SHARE / settings().workers))


def pod_memory_limit(given: Settings | None = None) -> int | None:
    """The same for a chunk's process in a pod: nine tenths of the setting kubernetes_memory; None where that is odd."""
    memory = in_bytes((given or settings()).kubernetes_memory)
    return None if memory is None else int(memory * _OF_POD) // 2**20 * 2**20


def limit_of(engine: str) -> int:
    """The limit of the engine's processes, `local` or `kubernetes`."""
    return (pod_memory_limit() if engine == "kubernetes" else None) or memory_limit()


def resident(pid: int) -> int | None:
    """Bytes that a process holds resident, as `top` shows it; None where that cannot be told."""
    with suppress(OSError, ValueError, IndexError):
        return int(Path(f"/proc/{pid}/statm").read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return None


def in_bytes(quantity: str) -> int | None:
    """A quantity as Kubernetes writes it (8Gi, 512M, 1e9) in bytes; None for nothing and for what is none."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?(?:[eE]\d+)?)(|[kMGT]|[KMGT]i)", quantity.strip())
    return int(float(match[1]) * _UNITS[match[2]]) if match else None


def _installed() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _cgroup_limits() -> list[int]:
    """Those of the cgroups, version 1 or 2, that this process is in."""
    found = []
    with suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers in {"", "memory"}:
                root, name = {
                    "": ("/sys/fs/cgroup", "memory.max"),
                    "memory": ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
                }[controllers]
                folder = Path(root + path)
                # In a container, its own cgroup is mounted as the root, whatever it is called outside.
                for each in (Path(root), folder, *folder.parents):
                    if each.is_relative_to(root):
                        with suppress(OSError, ValueError):
                            found.append(int((each / name).read_text()))
    return found

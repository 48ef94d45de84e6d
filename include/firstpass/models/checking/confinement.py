"""What the process that reads foreign weights puts itself under, before it reads any.

Imports hardly more than the standard library, so that nothing of weight runs outside the limits.
"""

from __future__ import annotations

import os
import resource
from contextlib import suppress
from math import ceil

from firstpass.child_process import bind_to

MIB = 2**20
_BESIDES = 2048 * MIB  # address space that is reserved and hardly used: stacks of threads, arenas of the allocator
_BESIDES_PER_CORE = 32 * MIB
_WRITTEN = 16 * MIB  # what native libraries write to standard error is all that may be written
_FILES = 1024
_GRACE = 10  # seconds of processor time between SIGXCPU and SIGKILL


def confine(parent: int, seconds: float, memory: int) -> None:
    """Bound this process: processor time, memory, files; it dies with the process `parent` and leaves no core.

    memory: bytes. The limit on memory here is a wider one than that: it stops one huge request at once, where who
    watches this process would come too late. Where a limit of the machine is lower already, that one holds.
    """
    cores = os.cpu_count() or 1
    _limit(resource.RLIMIT_CPU, ceil(seconds) * cores, _GRACE)
    _limit(resource.RLIMIT_DATA, memory + _BESIDES + cores * _BESIDES_PER_CORE)
    _limit(resource.RLIMIT_FSIZE, _WRITTEN)
    _limit(resource.RLIMIT_NOFILE, _FILES)
    _limit(resource.RLIMIT_CORE, 0)
    bind_to(parent)


def _limit(what: int, most: int, grace: int = 0) -> None:
    """No more than `most`, nor than was allowed before. grace: how far above it the hard limit is."""
    _, hard = resource.getrlimit(what)
    bounds = [bound if hard == resource.RLIM_INFINITY else min(bound, hard) for bound in (most, most + grace)]
    with suppress(ValueError, OSError):  # a limit that this system does not have
        resource.setrlimit(what, (bounds[0], bounds[1]))

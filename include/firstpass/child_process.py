"""What a child process that runs foreign weights or pictures does first.

Imports nothing but the standard library, so that nothing of weight runs before it.
"""

from __future__ import annotations

import ctypes
import os
import signal
from contextlib import suppress
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # prctl.h
_DIED_WITH_PARENT = 128 + signal.SIGKILL


def bind_to(parent: int) -> None:
    """Have this process killed when the process `parent` ends, and before any other when memory runs out.

    It gets SIGKILL: native code that hangs would never see a gentler signal. Linux alone does both. Ends this process
    at once when `parent` is gone already.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    if os.getppid() != parent:
        os._exit(_DIED_WITH_PARENT)

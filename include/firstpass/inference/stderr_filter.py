"""Keeps native libraries' chatter out of a night's log: they write to file descriptor 2, past Python's own logging."""

from __future__ import annotations

import atexit
import faulthandler
import os
import re
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

_CHATTER = [
    rb"WARNING: All log messages before absl::InitializeLog",
    rb"[IW]\d{4} .*\.cc:\d+\]",  # TensorFlow before it has read its own log level
    rb".*This TensorFlow binary is optimized",
    rb"To enable the following instructions",
    rb"Corrupt JPEG data|Premature end of JPEG|Invalid SOS parameters|Unsupported marker type|Warning: unknown JFIF",
    rb"libpng (warning|error)|TIFF\w*: Warning",  # the image's own row says what is wrong with it
]
_NO_GPU = rb".*(cuda|CUDA)"
_OF_GPUS = re.compile(rb"cuda|cuInit|cuDNN|cudnn|GPU|libnvidia", re.IGNORECASE)
_CAUGHT_UP = b"firstpass: caught up\n"

_heard: deque[str] = deque(maxlen=6)
_caught_up: Event | None = None  # there is one while the filter is on


def filter_stderr() -> Callable[[], None]:
    """From now on, lines of known chatter written to descriptor 2 are dropped and all others passed on.

    Python's own `sys.stderr` goes past the filter. On a machine without NVIDIA's device files, complaints about CUDA
    are chatter too. A crash of native code still leaves Python's traceback; its own last words may be lost. Returns a
    function that ends it when all lines are through; at Python's own end that happens anyhow.
    """
    chatter = [*_CHATTER, _NO_GPU] if not Path("/dev/nvidiactl").exists() else _CHATTER
    pattern = re.compile(b"|".join(chatter))
    real = os.dup(2)
    sys.stderr = open(real, "w", buffering=1, closefd=False, errors="backslashreplace")  # noqa: SIM115
    faulthandler.enable(sys.stderr)
    read_end, write_end = os.pipe()
    os.dup2(write_end, 2)
    os.close(write_end)

    def pump() -> None:
        with os.fdopen(read_end, "rb") as lines:
            for line in lines:
                if line == _CAUGHT_UP:
                    caught_up.set()
                    continue
                _listen(line)
                if not pattern.match(line):
                    os.write(real, line)

    global _caught_up
    _caught_up = caught_up = Event()
    thread = Thread(target=pump, name="stderr", daemon=True)
    thread.start()

    def restore() -> None:
        global _caught_up
        _caught_up = None
        os.dup2(real, 2)  # closes the pipe's last end, which ends the thread
        thread.join(timeout=5)

    return atexit.register(restore)


def overheard() -> list[str]:
    """What native libraries wrote about GPUs until now, the last lines of it, without their prefixes.

    Nothing where the filter is off.
    """
    if _caught_up is None:
        return []
    _caught_up.clear()
    os.write(2, _CAUGHT_UP)
    _caught_up.wait(timeout=5)
    return list(_heard)


def _listen(line: bytes) -> None:
    if _OF_GPUS.search(line):
        said = line.decode(errors="replace").rpartition("] ")[2].strip()
        if said not in _heard:
            _heard.append(said)

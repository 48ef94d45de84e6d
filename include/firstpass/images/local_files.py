"""Files of this machine and of its mounts: opened so that none blocks, and tried again when a mount hiccups."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from io import BufferedReader
from pathlib import Path
from stat import S_ISREG
from typing import TypeVar

from firstpass.contracts.image_source import UnreadableImage
from firstpass.errors import Unavailable
from firstpass.settings import settings

T = TypeVar("T")

PAUSES = (0.1, 0.4, 1.0)  # seconds between tries

# A file server that does not answer. That is never the fault of a file.
_AWAY = {
    *(errno.ETIMEDOUT, errno.ENOTCONN, errno.ECONNREFUSED, errno.ECONNRESET, errno.ECONNABORTED, errno.EREMOTEIO),
    *(errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETDOWN, errno.ENETUNREACH),
}
_PASSING = _AWAY | {errno.EIO, errno.ESTALE, errno.EAGAIN, errno.EINTR, errno.EBUSY}


def patiently(look: Callable[[], T], path: Path) -> T:
    """What `look` gives; tried again, with growing pauses, after an error that may pass.

    Raises Unavailable when a file server stays away, and the last OSError for what else does not pass.
    """
    for pause in PAUSES:
        try:
            return look()
        except OSError as error:
            if not passes(error):
                raise
        time.sleep(pause)
    try:
        return look()
    except OSError as error:
        if error.errno in _AWAY:
            raise away(path, error) from error
        raise


def passes(error: OSError) -> bool:
    """Whether an error may be another one, or none, a moment later."""
    return error.errno in _PASSING


def away(path: Path, error: OSError) -> Unavailable:
    """What to raise when `path` cannot be read at all for now."""
    return Unavailable(f"{path} cannot be read: {error.strerror}", "check the disk, or the mount and its server")


def open_image(path: Path) -> BufferedReader:
    """The file, open for reading, after a look at what was opened.

    Raises UnreadableImage for a pipe, a device and a link that leads out of the setting image_roots: none of them is
    read, and none blocks. Raises OSError as `open` does.
    """
    file = open(path, "rb", opener=_without_blocking)  # noqa: SIM115 - handed to the caller
    try:
        if not S_ISREG(os.fstat(file.fileno()).st_mode):
            raise UnreadableImage("is no regular file any more")
        if allowed(path) and not allowed(Path(os.path.realpath(f"/proc/self/fd/{file.fileno()}"))):
            raise UnreadableImage("leads out of the allowed folders (FIRSTPASS_IMAGE_ROOTS)")
    except BaseException:
        file.close()
        raise
    return file


def allowed(path: Path) -> bool:
    """Whether a resolved path lies in one of the image_roots; any does when none are set."""
    roots = [Path(root).resolve() for root in settings().image_roots.split(":") if root]
    return not roots or any(path.is_relative_to(root) for root in roots)


def _without_blocking(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)

"""Who may read the files that a command makes: not everybody on the machine, unless they are the person's own.

What the stack keeps comes of somebody's photographs. An export, or a file written from psql, is the person's.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

CLOSED = 0o027  # files 0640, folders 0750
_persons: int | None = None


def close() -> None:
    """From now on, close new files and folders to other users; a person's umask that closes more stays as it is."""
    global _persons
    _persons = os.umask(CLOSED)
    os.umask(_persons | CLOSED)


@contextmanager
def persons_own() -> Iterator[None]:
    """Within it, new files are as the person's umask has them."""
    if _persons is None:
        yield
        return
    closed = os.umask(_persons)
    try:
        yield
    finally:
        os.umask(closed)

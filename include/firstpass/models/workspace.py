"""Where models are worked on before they are in the store: locks, and folders that killed processes leave.

A folder for one piece of work is locked by its process for as long as it is there. So whoever comes next can tell what
a killed process left from what is in use, in whatever container its owner runs.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from firstpass import storage
from firstpass.errors import FirstpassError
from firstpass.outages import outage
from firstpass.settings import settings

_SWEEP_AFTER = 24 * 3600  # seconds; for what may be continued, and where a file system has no locks
_STAGING = ".staging"
_SCRATCH = "firstpass-check-"


@contextmanager
def lock(what: str) -> Iterator[None]:
    """Hold `what` (a file name) on this machine: whoever else asks for it waits. It falls with its process."""
    folder = workshop(".locks")
    with writing(folder):
        descriptor = os.open(folder / what, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def staging() -> Iterator[Path]:
    """An empty folder on the store's own file system, so that a rename can bring it in; removed afterwards."""
    with _owned(workshop(_STAGING), "") as folder:
        yield folder


@contextmanager
def scratch() -> Iterator[Path]:
    """An empty folder for temporary files that need no room to speak of; removed afterwards.

    What killed processes left of such folders is removed now.
    """
    parent = Path(tempfile.gettempdir())
    _sweep(parent.glob(f"{_SCRATCH}*"))
    with _owned(parent, _SCRATCH) as folder:
        yield folder


def workshop(name: str) -> Path:
    """A hidden folder for work in progress: in the store, or in the cache when the store is s3://.

    What killed processes left in it is swept out: at once where nobody can continue it, else after a day.
    """
    store = settings().models
    folder = (Path(settings().cache) if storage.is_s3(store) else storage.local_path(store)) / name
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _sweep(folder.iterdir(), at_once=name == _STAGING)
    return folder


@contextmanager
def writing(target: Path) -> Iterator[None]:
    """Turns what goes wrong while `target` is written into an error that says what to do: Unavailable for a full disk.

    What cannot be written for another reason is a FirstpassError.
    """
    try:
        yield
    except OSError as error:
        raise outage(error, f"cannot write {target}") or FirstpassError(
            f"cannot write {target}: {error.strerror}", "make the model store writable"
        ) from error


@contextmanager
def _owned(parent: Path, prefix: str) -> Iterator[Path]:
    """A new folder that is locked until it is removed."""
    while True:
        with writing(parent):
            folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        with suppress(OSError):  # swept in the moment before the lock
            held = _locked(folder)
            if folder.exists():
                break
            _release(held)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _release(held)


def _sweep(folders: Iterable[Path], at_once: bool = True) -> None:
    """Remove those that no living process holds; only after a day where that says nothing."""
    for folder in folders:
        with suppress(OSError):  # somebody else's, and done with
            if not folder.is_dir():
                continue
            old = folder.stat().st_mtime < time.time() - _SWEEP_AFTER
            held = _locked(folder)
            if old or (at_once and held is not None):
                shutil.rmtree(folder, ignore_errors=True)
            _release(held)


def _locked(folder: Path) -> int | None:
    """The lock on `folder`, None where the file system has no locks.

    Raises OSError for a folder that is gone, that another process holds, or that is somebody else's.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if isinstance(error, BlockingIOError):
            raise
        return None
    return descriptor


def _release(descriptor: int | None) -> None:
    if descriptor is not None:
        os.close(descriptor)

"""Where models are worked on before they are in the store: locks, and folders that killed processes leave."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from firstpass import storage
from firstpass.errors import FirstpassError
from firstpass.outages import outage
from firstpass.settings import settings

_SWEEP_AFTER = 24 * 3600  # seconds


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
    parent = workshop(".staging")
    with writing(parent):
        folder = Path(tempfile.mkdtemp(dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def workshop(name: str) -> Path:
    """A hidden folder for work in progress: in the store, or in the cache when the store is s3://.

    What killed processes left in it more than a day ago is swept out.
    """
    store = settings().models
    folder = (Path(settings().cache) if storage.is_s3(store) else storage.local_path(store)) / name
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.iterdir():
            with suppress(FileNotFoundError):  # somebody else's, and done with
                if left.is_dir() and left.stat().st_mtime < time.time() - _SWEEP_AFTER:
                    shutil.rmtree(left, ignore_errors=True)
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

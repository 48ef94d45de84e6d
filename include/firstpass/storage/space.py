"""Room on a disk, asked for before it is needed: a copy that fails half-way fills the disk for everybody else."""

from __future__ import annotations

import shutil
from pathlib import Path

from firstpass.errors import Unavailable


def ask_for_space(needed: int, folder: Path, what: str) -> None:
    """Raises Unavailable where the disk of `folder` has less than `needed` bytes free for `what`, telling both."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise Unavailable(f"{what} needs {needed / 1e6:.0f} MB, {free / 1e6:.0f} MB free", "free space there")

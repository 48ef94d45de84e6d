"""How much room the disks have, and how much of it a night takes."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from firstpass import findings
from firstpass.findings import Finding
from firstpass.settings import home, settings

SCARCE = 5 * 10**9
EXHAUSTED = 5 * 10**8
_NIGHTS = 5  # so many of the newest
_FILES = 20_000  # of a run are added up at most: it is an estimate
_FIX = "free space, or name other folders in FIRSTPASS_STORAGE, FIRSTPASS_CACHE, TMPDIR"


def examine_disks() -> list[Finding]:
    """One finding per file system that Firstpass writes to."""
    night = _largest_night()
    places: dict[int, list[tuple[str, Path]]] = {}
    for name, path in _folders():
        there = next(each for each in (path, *path.parents) if each.exists())
        places.setdefault(there.stat().st_dev, []).append((name, there))
    return [_disk(", ".join(name for name, _ in found), found[0][1], night) for found in places.values()]


def _folders() -> Iterator[tuple[str, Path]]:
    yield "home", home().absolute()
    if "://" not in settings().storage:
        yield "storage", Path(settings().storage).absolute()
    yield "cache", Path(settings().cache).absolute()
    yield "temporary files", Path(tempfile.gettempdir())


def _disk(names: str, folder: Path, night: int) -> Finding:
    usage = shutil.disk_usage(folder)
    words = f"{usage.free / 1e9:,.1f} of {usage.total / 1e9:,.1f} GB free for {names}"
    if night and "storage" in names:
        words += f"; a night's files took up to {night / 1e6:,.0f} MB"
    needed = night if "storage" in names else 0
    if usage.free < max(EXHAUSTED, needed):
        return findings.problem("disk", words, _FIX)
    if usage.free < max(SCARCE, 3 * needed):
        return findings.warning("disk", words, _FIX)
    return findings.ok("disk", words)


def _largest_night() -> int:
    """Bytes of the largest of the newest runs; 0 where none is on a disk."""
    runs = Path(settings().storage) / "runs"
    if "://" in settings().storage or not runs.is_dir():
        return 0
    with os.scandir(runs) as entries:
        folders = [(entry.stat().st_mtime, entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
    return max((_size(path) for _, path in sorted(folders)[-_NIGHTS:]), default=0)


def _size(folder: str) -> int:
    files = (Path(parent, name) for parent, _, names in os.walk(folder) for name in names)
    return sum(path.lstat().st_size for path in islice(files, _FILES))

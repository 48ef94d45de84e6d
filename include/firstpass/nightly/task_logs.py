"""Airflow's logs below its log folder: which are old, how large they are, and taking them away."""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

Unfinished = Callable[[str, Collection[str]], set[str]]
"""DAG and run ids → those of the runs that Airflow has not ended."""

_DAG, _RUN = "dag_id=", "run_id="  # as Airflow's own template names the folders of task logs
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class LogFolder:
    """The logs of one run, or one day's of the DAG processor. newest: when the last of them was written.

    dag_id, run_id: empty for those that belong to no run.
    """

    path: Path
    files: int
    bytes: int
    newest: datetime
    dag_id: str = ""
    run_id: str = ""


def old_logs(base: Path, before: datetime) -> Iterator[LogFolder]:
    """The folders of logs in which nothing was written since `before`, one after the other.

    base: Airflow's base_log_folder; one that is not there has no logs. What other programs keep in it is left out, and
    so is all that lies behind a symbolic link.
    """
    for place in _folders(base):
        if place.name.startswith(_DAG):
            dag_id = place.name.removeprefix(_DAG)
            runs = ((run, dag_id, run.name.removeprefix(_RUN)) for run in _folders(place) if run.name.startswith(_RUN))
        elif place.name == "dag_processor":
            runs = ((day, "", "") for day in _folders(place) if _DAY.fullmatch(day.name))
        else:
            continue
        for path, dag, run in runs:
            files, size, newest = _measure(path)
            if newest < before:
                yield LogFolder(path, files, size, newest, dag, run)


def remove_logs(base: Path, logs: LogFolder) -> None:
    """Remove the folder. Raises ValueError for one that is not below `base`, OSError where it cannot be removed."""
    if not logs.path.parent.resolve().is_relative_to(base.resolve()):
        raise ValueError(f"{logs.path} is not below {base}")
    shutil.rmtree(logs.path)


def _folders(path: Path) -> list[Path]:
    try:
        with os.scandir(path) as entries:
            return sorted(Path(entry) for entry in entries if entry.is_dir(follow_symlinks=False))
    except FileNotFoundError:
        return []


def _measure(folder: Path) -> tuple[int, int, datetime]:
    """Files, bytes, and when the last of them, or an empty folder, was changed."""
    files, size, newest = 0, 0, 0.0
    for path, _, names in os.walk(folder):
        for name in names:
            found = Path(path, name).lstat()
            if not stat.S_ISLNK(found.st_mode):
                files, size, newest = files + 1, size + found.st_size, max(newest, found.st_mtime)
    return files, size, datetime.fromtimestamp(newest or folder.lstat().st_mtime, UTC)

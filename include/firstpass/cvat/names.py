"""What an exported image is called: its name relative to the run's image folder, or the one that CVAT knows it by."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache
from itertools import takewhile
from pathlib import Path
from urllib.parse import unquote_to_bytes

from firstpass import storage

Namer = Callable[[str, int | None, int | None], str]
"""URI, task, frame → the image's name."""


def namer(images_uri: str, first: str, last: str, tasks: int) -> Namer:
    """How the images of a run over `images_uri` are named, whose URIs lie between `first` and `last`.

    Frames keep the names that they have in CVAT, which is asked for them, below a folder for each task when there are
    several `tasks`.
    """
    if images_uri.startswith("cvat:"):
        return _frame_namer(tasks > 1)
    root = _root(images_uri, first, last)
    return lambda uri, _task, _frame: _file_name(uri, root)


def _file_name(uri: str, root: str) -> str:
    """Below `root`, as people see it. A name that is not UTF-8 stays percent-encoded: no format could hold it."""
    name = uri.removeprefix(root)
    if not uri.startswith("file://"):
        return name
    try:
        return unquote_to_bytes(name).decode()
    except UnicodeDecodeError:
        return name


def _root(images_uri: str, first: str, last: str) -> str:
    """The folder that all the images lie in: the one that the run was given, the deepest where that was a link."""
    same = takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    common = "".join(a for a, _ in same).rpartition("/")[0] + "/"
    if storage.is_s3(images_uri):
        return images_uri.rstrip("/") + "/"
    folder = storage.local_path(images_uri)
    spellings = (folder, Path(os.path.normpath(folder)), folder.resolve())
    roots = (storage.file_uri(path).rstrip("/") + "/" for path in spellings)
    return next((root for root in roots if common.startswith(root)), common)


def _frame_namer(several: bool) -> Namer:
    from firstpass.cvat.client import cvat  # only for runs over CVAT: other exports need no connection to it

    @lru_cache(maxsize=64)
    def names(task: int) -> list[str]:
        return [frame["name"] for frame in cvat().get(f"/api/tasks/{task}/data/meta")["frames"]]

    def name(_uri: str, task: int | None, frame: int | None) -> str:
        assert task is not None
        assert frame is not None
        return f"task_{task}/{names(task)[frame]}" if several else names(task)[frame]

    return name

"""Whether a folder has any image at all, told before a run is started over it."""

from __future__ import annotations

import os
from pathlib import Path

from firstpass import storage
from firstpass.images.file_names import no_images
from firstpass.images.folder_entries import look_at


def refuse_empty(uri: str) -> None:
    """Raise FirstpassError for a folder that a run would find no image in.

    Stops at the first image, and holds no list of a large folder. A folder that cannot be listed is not judged: the
    run says why.
    """
    root = storage.local_path(uri).resolve()
    try:
        found = _has_entry(root)
    except OSError:
        return
    if not found:
        raise no_images(uri)


def _has_entry(root: Path) -> bool:
    waiting, seen = [root], set()
    while waiting:
        folder = waiting.pop()
        stat = folder.stat()
        if (stat.st_dev, stat.st_ino) in seen:
            continue
        seen.add((stat.st_dev, stat.st_ino))
        with os.scandir(folder) as entries:
            for entry in entries:
                found = None if entry.name.startswith(".") else look_at(entry, root)
                if isinstance(found, Path):
                    waiting.append(found)
                elif found is not None:
                    return True
    return False

"""Images that a format cannot tell apart, or cannot name."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from pathlib import PurePosixPath

import numpy as np

_LONGEST = 250  # bytes of a file's name without what follows the last dot: file systems take 255


class UnfitNames:
    """Which images of a data set are left out for their names, and why, where a name's stem says where its labels are.

    names: of all its images. Eight bytes are kept of each.
    """

    def __init__(self, names: Iterable[str]) -> None:
        stems = np.fromiter((_stem_hash(name) for name in names), np.int64)
        found, counts = np.unique(stems, return_counts=True)
        self._shared = frozenset(found[counts > 1].tolist())

    def reason(self, name: str) -> str | None:
        """Why this image is left out; None for one that is not."""
        path = PurePosixPath(name)
        if not path.name or path.is_absolute() or ".." in path.parts or "\0" in name:
            return "its name leads out of the folder"
        if not name.isascii() and name != name.encode(errors="replace").decode():
            return "its name is not text"
        if "\n" in name or "\r" in name:
            return "there is a line break in its name"
        if any(len(part.encode()) > _LONGEST for part in (*path.parent.parts, path.stem)):
            return "its name is too long"
        if _stem_hash(name) in self._shared:
            return "another image has its name, but for what follows the last dot"
        return None


def _stem_hash(name: str) -> int:
    stem = str(PurePosixPath(name).with_suffix("")) if PurePosixPath(name).name else name
    digest = blake2b(stem.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)

"""What an entry of a folder is: an image, a folder to go down into, nothing of ours, or something to be left out."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from firstpass import storage
from firstpass.contracts.image_reference import ImageRef
from firstpass.contracts.image_source import LeftOut
from firstpass.contracts.outcome import Outcome
from firstpass.images.file_names import looks_like_image
from firstpass.images.local_files import allowed, patiently

_KINDS = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def look_at(entry: os.DirEntry[str], root: Path) -> ImageRef | LeftOut | Path | None:
    """An image, a folder (its path), None for what is no business of ours, or why something is left out.

    A link to a folder is one where it leads out of `root`, the source's folder. Nothing is opened. Raises Unavailable
    when the file server stays away.
    """
    named = looks_like_image(entry.name)
    if not named and entry.is_file(follow_symlinks=False):
        return None
    path = Path(entry.path)
    try:
        found = patiently(entry.stat, path)
    except OSError as error:
        return _unseen(entry, error, named)
    if stat.S_ISDIR(found.st_mode):
        return _folder(entry, root)
    if not named:
        return None
    uri = storage.file_uri(path)
    if not stat.S_ISREG(found.st_mode):
        kind = next((name for test, name in _KINDS if test(found.st_mode)), "no regular file")
        return LeftOut(uri, f"is {kind}, which is not opened: put the photograph itself in its place")
    if entry.is_symlink() and not allowed(Path(os.path.realpath(path))):
        return LeftOut(uri, "is a link that leads out of the allowed folders (FIRSTPASS_IMAGE_ROOTS)")
    return ImageRef(uri, found.st_size, f"{found.st_size}-{found.st_mtime_ns}")


def _folder(entry: os.DirEntry[str], root: Path) -> LeftOut | Path | None:
    path = Path(entry.path)
    if not entry.is_symlink():
        return path
    target = Path(os.path.realpath(path))
    if not allowed(target):
        return LeftOut(
            storage.file_uri(path), "is a link to a folder outside of the allowed ones (FIRSTPASS_IMAGE_ROOTS)"
        )
    inside = target.is_relative_to(root) or root.is_relative_to(target)
    return None if inside else path


def _unseen(entry: os.DirEntry[str], error: OSError, named: bool) -> LeftOut | Path | None:
    """An entry that the system says nothing about."""
    path, uri = Path(entry.path), storage.file_uri(Path(entry.path))
    if entry.is_dir(follow_symlinks=False):
        return path  # listing it gives the reason
    leads_nowhere = entry.is_symlink() and error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}
    if not named and (leads_nowhere or isinstance(error, FileNotFoundError)):
        return None
    if not named:
        return LeftOut(uri + "/", f"may be a folder of images, but cannot be looked at: {error.strerror}")
    if leads_nowhere and error.errno == errno.ELOOP:
        return LeftOut(uri, "is a link that leads back to itself")
    if leads_nowhere:
        return LeftOut(uri, f"is a link to {_target(path)}, which is not there", Outcome.MISSING)
    if isinstance(error, FileNotFoundError):
        return LeftOut(uri, "was listed, but is gone", Outcome.MISSING)
    return LeftOut(uri, f"cannot be looked at: {error.strerror}")


def _target(path: Path) -> str:
    try:
        return os.fsencode(path.readlink()).decode("utf-8", "backslashreplace")
    except OSError:
        return "something"

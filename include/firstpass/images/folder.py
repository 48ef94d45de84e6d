"""Images in a folder of this machine."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from stat import S_ISREG
from urllib.parse import unquote_to_bytes

from firstpass import storage
from firstpass.contracts.image_reference import ImageRef
from firstpass.contracts.image_source import ImageNamer, ImageSource, UnreadableImage
from firstpass.errors import FirstpassError
from firstpass.images.file_names import looks_like_image, no_images
from firstpass.settings import settings

log = logging.getLogger("firstpass")


class FolderSource(ImageSource):
    """An absolute folder, plain or file://, with everything below it but hidden files and folders.

    Symbolic links to files are followed. Those to folders are followed when they lead out of the source (what lies
    inside is listed under its own name), each real folder once: loops end. With image_roots set, links that lead out of
    the roots are ignored.
    """

    def check(self, uri: str) -> None:
        """Refuse a relative path, and a folder that is missing, is a file or lies outside the setting image_roots."""
        _root(uri)

    def list(self, uri: str) -> Iterator[ImageRef]:
        """Every image file in order of path; one that cannot be looked at (a dangling link, say) has size 0."""
        found = False
        for entry in _files(_root(uri)):
            try:
                stat = entry.stat()
            except OSError:
                found = True
                yield ImageRef(storage.file_uri(Path(entry.path)), 0, "gone")
                continue
            if S_ISREG(stat.st_mode):  # a pipe or a device that is named like an image would block whoever opens it
                found = True
                yield ImageRef(storage.file_uri(Path(entry.path)), stat.st_size, f"{stat.st_size}-{stat.st_mtime_ns}")
        if not found:
            raise no_images(uri)

    def fetch(self, ref: ImageRef) -> bytes:
        """The file's bytes. What was opened counts, not what was listed: it may be another file by now.

        Raises UnreadableImage for a pipe or a device, for a link that leads out of the setting image_roots, and for a
        file that has grown beyond max_image_bytes. None of them is read, and none blocks.
        """
        path = storage.local_path(ref.uri)
        with open(path, "rb", opener=_without_blocking) as file:
            stat, limit = os.fstat(file.fileno()), settings().max_image_bytes
            if not S_ISREG(stat.st_mode):
                raise UnreadableImage("is no regular file any more")
            if _allowed(path) and not _allowed(Path(os.path.realpath(f"/proc/self/fd/{file.fileno()}"))):
                raise UnreadableImage("leads out of the allowed folders (FIRSTPASS_IMAGE_ROOTS)")
            if stat.st_size > limit:
                raise UnreadableImage(f"has grown to {stat.st_size} bytes, more than FIRSTPASS_MAX_IMAGE_BYTES={limit}")
            return file.read(stat.st_size)

    def reaches_pods(self) -> bool:
        """A pod sees what volumes bring it, and no folder of this machine."""
        return False

    def namer(self, uri: str, common_folder: str, tasks: int) -> ImageNamer:
        """Relative to the folder that the run was given, as people see it; to the common folder where that was a link.

        A name that is not UTF-8 stays percent-encoded: no format could hold it.
        """
        del tasks
        folder = storage.local_path(uri)
        spellings = (folder, Path(os.path.normpath(folder)), folder.resolve())
        roots = (storage.file_uri(path) + "/" for path in spellings)
        root = next((root for root in roots if common_folder.startswith(root)), common_folder)
        return lambda ref: _decoded(ref.uri.removeprefix(root))


def _without_blocking(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def _decoded(name: str) -> str:
    try:
        return unquote_to_bytes(name).decode()
    except UnicodeDecodeError:
        return name


def _root(uri: str) -> Path:
    path = storage.local_path(uri)
    if not path.is_absolute():
        raise FirstpassError(
            f"images={uri!r} is not an absolute path", "give the folder from / on, or s3://bucket/prefix"
        )
    root = path.resolve()
    if not root.exists():
        raise FirstpassError(
            f"images={uri!r}: there is no such folder", "check the spelling, and that it is mounted here"
        )
    if not root.is_dir():
        raise FirstpassError(f"images={uri!r} is a file", f"give the folder that holds it: {root.parent}")
    if not _allowed(root):
        raise FirstpassError(
            f"images={uri!r} lies outside the allowed folders ({settings().image_roots})",
            "choose a folder below one of them, or add it to FIRSTPASS_IMAGE_ROOTS",
        )
    return root


def _files(root: Path) -> Iterator[os.DirEntry[str]]:
    seen: set[tuple[int, int]] = set()
    waiting = _entries(root, seen)
    while waiting:
        entry = waiting.pop()
        if entry.name.startswith("."):
            continue
        if _is_folder(entry):
            if not entry.is_symlink() or _leads_out(Path(entry.path).resolve(), root):
                waiting += _entries(Path(entry.path), seen)
        elif looks_like_image(entry.name) and (not entry.is_symlink() or _allowed(Path(os.path.realpath(entry.path)))):
            yield entry


def _leads_out(target: Path, root: Path) -> bool:
    return _allowed(target) and not target.is_relative_to(root) and not root.is_relative_to(target)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _entries(folder: Path, seen: set[tuple[int, int]]) -> list[os.DirEntry[str]]:
    """What lies in a folder, last name first; nothing the second time that the same folder is met."""
    try:
        stat = folder.stat()
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name, reverse=True)
    except OSError as error:
        log.warning("ignored %s: %s", folder, error.strerror)
        return []
    if (stat.st_dev, stat.st_ino) in seen:
        return []
    seen.add((stat.st_dev, stat.st_ino))
    return found


def _allowed(path: Path) -> bool:
    roots = [Path(root).resolve() for root in settings().image_roots.split(":") if root]
    return not roots or any(path.is_relative_to(root) for root in roots)


FOLDER = FolderSource()

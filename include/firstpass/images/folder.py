"""Images in a folder of this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from stat import S_ISDIR
from urllib.parse import unquote_to_bytes

from firstpass import storage
from firstpass.contracts.image_reference import ImageRef
from firstpass.contracts.image_source import ImageNamer, ImageSource, LeftOut, UnreadableImage
from firstpass.contracts.outcome import Outcome
from firstpass.errors import FirstpassError
from firstpass.images.file_names import no_images
from firstpass.images.folder_entries import look_at
from firstpass.images.local_files import allowed, away, open_image, passes, patiently
from firstpass.settings import settings


class FolderSource(ImageSource):
    """An absolute folder, plain or file://, with everything below it but hidden files and folders.

    Symbolic links to files are followed. Those to folders are followed when they lead out of the source (what lies
    inside is listed under its own name), each real folder once: loops end. With image_roots set, links that lead out of
    the roots are not followed.
    """

    def check(self, uri: str) -> None:
        """Refuse a relative path, and a folder that is missing, is a file or lies outside the setting image_roots."""
        _root(uri)

    def list(self, uri: str) -> Iterator[ImageRef | LeftOut]:
        """Every image file in order of path, and as LeftOut what is named like one but is not to be opened: pipes,
        devices, links that lead nowhere or out of the roots; and folders that cannot be listed, though tried again.
        """
        root = _root(uri)
        found = False
        try:
            for each in _below(root):
                found = True
                yield each
        except OSError as error:  # the folder itself
            raise _unreadable(uri, root, error) from error
        if not found:
            raise no_images(uri)

    def fetch(self, ref: ImageRef) -> bytes:
        """The file's bytes. What was opened counts, not what was listed: it may be another file by now.

        Raises UnreadableImage as `open_image` does, and for a file that has grown beyond max_image_bytes, which is not
        read; Unavailable when the file server stays away.
        """
        path, limit = storage.local_path(ref.uri), settings().max_image_bytes

        def read() -> bytes:
            with open_image(path) as file:
                size = os.fstat(file.fileno()).st_size
                if size > limit:
                    raise UnreadableImage(f"has grown to {size} bytes, more than FIRSTPASS_MAX_IMAGE_BYTES={limit}")
                return file.read(size)

        return patiently(read, path)

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
    try:
        stat = patiently(root.stat, root)
    except (FileNotFoundError, NotADirectoryError):
        raise FirstpassError(
            f"images={uri!r}: there is no such folder", "check the spelling, and that it is mounted here"
        ) from None
    except OSError as error:
        raise _unreadable(uri, root, error) from error
    if not S_ISDIR(stat.st_mode):
        raise FirstpassError(f"images={uri!r} is a file", f"give the folder that holds it: {root.parent}")
    if not allowed(root):
        raise FirstpassError(
            f"images={uri!r} lies outside the allowed folders ({settings().image_roots})",
            "choose a folder below one of them, or add it to FIRSTPASS_IMAGE_ROOTS",
        )
    return root


def _unreadable(uri: str, root: Path, error: OSError) -> FirstpassError:
    if passes(error):
        return away(root, error)
    return FirstpassError(
        f"images={uri!r} cannot be listed: {error.strerror}",
        f"let user {os.geteuid()}, which Firstpass runs as, read and enter it",
    )


def _below(root: Path) -> Iterator[ImageRef | LeftOut]:
    """What lies in the folder and in all those below it, in order of path."""
    seen: set[tuple[int, int]] = set()
    waiting = _entries(root, seen)
    while waiting:
        entry = waiting.pop()
        found = None if entry.name.startswith(".") else look_at(entry, root)
        if isinstance(found, Path):
            try:
                waiting += _entries(found, seen)
            except OSError as error:
                yield _unlisted(found, error, root)
        elif found is not None:
            yield found


def _entries(folder: Path, seen: set[tuple[int, int]]) -> list[os.DirEntry[str]]:
    """What lies in a folder, last name first; nothing the second time that the same folder is met."""

    def listed() -> tuple[os.stat_result, list[os.DirEntry[str]]]:
        with os.scandir(folder) as entries:
            return folder.stat(), sorted(entries, key=lambda entry: entry.name, reverse=True)

    stat, found = patiently(listed, folder)
    if (stat.st_dev, stat.st_ino) in seen:
        return []
    seen.add((stat.st_dev, stat.st_ino))
    return found


def _unlisted(folder: Path, error: OSError, root: Path) -> LeftOut:
    """A folder that stays unreadable, as a row. Raises Unavailable where the whole source is: then nothing is known."""
    uri = storage.file_uri(folder) + "/"
    if isinstance(error, FileNotFoundError):
        return LeftOut(uri, "this folder was there a moment ago, but is gone", Outcome.MISSING)
    if passes(error):
        try:
            patiently(lambda: os.scandir(root).close(), root)
        except OSError as whole:
            raise away(root, whole) from error
    return LeftOut(
        uri,
        f"this folder could not be listed, and none of its images is in the run: {error.strerror}. "
        + (
            f"Let user {os.geteuid()} read and enter it, or move it out of the source"
            if isinstance(error, PermissionError)
            else "Check the disk or the mount that it lies on"
        ),
    )


FOLDER = FolderSource()

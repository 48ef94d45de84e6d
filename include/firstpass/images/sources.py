"""Where images come from: a folder, a prefix of object storage, or what another room registers."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from stat import S_ISREG
from typing import Protocol

from firstpass import storage
from firstpass.errors import FirstpassError
from firstpass.images.fetch import SCHEMES
from firstpass.images.reference import ImageRef
from firstpass.settings import settings

log = logging.getLogger(__name__)

# What counts as an image, by the end of its name in any case. HEIC cannot be decoded; it is listed so that such
# photographs are quarantined with that reason instead of being passed over in silence.
EXTENSIONS = frozenset(
    (
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".webp", ".bmp", ".dib", ".tif", ".tiff"),
        *(".ppm", ".pgm", ".pbm", ".pnm", ".avif", ".heic", ".heif"),
    )
)


class ImageSource(Protocol):
    """A place that images are listed from."""

    @property
    def uri(self) -> str:
        """What the run was given."""

    def list(self) -> Iterator[ImageRef]:
        """Every image, always in the same order, one at a time. Raises FirstpassError when there is none."""


def open_source(uri: str) -> ImageSource:
    """The source that `uri` names: an absolute folder (plain or file://), s3://bucket/prefix, or a registered scheme.

    Raises FirstpassError for a relative path, for a folder that is missing, is a file or lies outside the setting
    image_roots, and for a scheme that nobody knows. Object storage is asked only when it is listed.
    """
    scheme, colon, _ = uri.partition(":")
    if colon and scheme in SCHEMES:
        source: ImageSource = import_module(SCHEMES[scheme]).open_source(uri)
        return source
    if storage.is_s3(uri):
        return S3Source(uri)
    if "://" in uri and not uri.startswith("file://"):
        raise FirstpassError(
            f"images={uri!r}: nothing reads {scheme}:// addresses",
            "give a folder, s3://bucket/prefix or " + " or ".join(f"{s}:…" for s in SCHEMES),
        )
    return FolderSource(uri, _checked_folder(uri))


@dataclass(frozen=True, slots=True)
class FolderSource:
    """A folder with all that lies below it, hidden files and folders left out, in order of path.

    Symbolic links to files are followed. Those to folders are followed when they lead out of the source (what lies
    inside is listed under its own name), each real folder once: loops end. With image_roots set, links that lead out of
    the roots are passed over.
    """

    uri: str
    root: Path

    def list(self) -> Iterator[ImageRef]:
        """Every image file; one that cannot be looked at (a dangling link, say) is listed with size 0."""
        found = False
        for entry in self._files():
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
            raise _no_images(self.uri)

    def _files(self) -> Iterator[os.DirEntry[str]]:
        seen: set[tuple[int, int]] = set()
        waiting = _entries(self.root, seen)
        while waiting:
            entry = waiting.pop()
            if entry.name.startswith("."):
                continue
            if _is_folder(entry):
                if not entry.is_symlink() or self._leads_out(Path(entry.path).resolve()):
                    waiting += _entries(Path(entry.path), seen)
            elif _is_image(entry.name) and (not entry.is_symlink() or _allowed(Path(os.path.realpath(entry.path)))):
                yield entry

    def _leads_out(self, target: Path) -> bool:
        return _allowed(target) and not target.is_relative_to(self.root) and not self.root.is_relative_to(target)


@dataclass(frozen=True, slots=True)
class S3Source:
    """Every object below a prefix whose name is an image's, page by page: memory does not grow with their number."""

    uri: str

    def list(self) -> Iterator[ImageRef]:
        """Every image object in order of key; width, height and sha256 are unknown, nothing is read."""
        found = False
        try:
            for entry in storage.listing(self.uri):
                if _is_image(entry.uri.rpartition("/")[2]):
                    found = True
                    yield ImageRef(entry.uri, entry.size, entry.etag)
        except FileNotFoundError as error:
            raise FirstpassError(
                f"images={self.uri!r}: there is no such bucket", "check the bucket's name and FIRSTPASS_S3_ENDPOINT"
            ) from error
        except PermissionError as error:
            raise FirstpassError(
                f"images={self.uri!r}: access denied",
                "allow s3:ListBucket and s3:GetObject to the credentials in use, or correct them",
            ) from error
        if found:
            return
        address = self.uri.rstrip("/")
        if "/" in address.removeprefix("s3://") and storage.exists(address):
            raise FirstpassError(f"images={self.uri!r} is a single object", "give the prefix that holds it")
        raise _no_images(self.uri)


def _checked_folder(uri: str) -> Path:
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


def _no_images(uri: str) -> FirstpassError:
    return FirstpassError(
        f"images={uri!r} holds no images", "put images there; their names end in " + ", ".join(sorted(EXTENSIONS))
    )


def _is_image(name: str) -> bool:
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in EXTENSIONS  # noqa: PTH122 - a key, not a path


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
        log.warning("passed over %s: %s", folder, error.strerror)
        return []
    if (stat.st_dev, stat.st_ino) in seen:
        return []
    seen.add((stat.st_dev, stat.st_ino))
    return found


def _allowed(path: Path) -> bool:
    roots = [Path(root).resolve() for root in settings().image_roots.split(":") if root]
    return not roots or any(path.is_relative_to(root) for root in roots)

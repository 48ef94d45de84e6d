"""The sources of images that there are, found by entry point, and which of them an address belongs to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from firstpass import entry_points, storage
from firstpass.contracts.image_reference import ImageRef
from firstpass.contracts.image_source import ImageSource, LeftOut
from firstpass.errors import FirstpassError

GROUP = "firstpass.sources"


def source_of(uri: str) -> ImageSource:
    """The source that an address belongs to, by its scheme; a plain path is a folder's.

    Raises FirstpassError for a scheme that nobody knows, naming the plugin where it is one that is broken.
    """
    scheme, colon, rest = uri.partition(":")
    parts = _parts()
    if colon and scheme in parts.found:
        source: ImageSource = parts.found[scheme]
        return source
    if colon and (rest.startswith("//") or scheme in parts.broken):
        problem = parts.broken.get(scheme) or f"images={uri!r}: nothing reads {scheme}:// addresses"
        raise FirstpassError(
            problem, "give a folder, s3://bucket/prefix or " + " or ".join(f"{name}:…" for name in sorted(parts.found))
        )
    folder: ImageSource = parts.found["file"]
    return folder


def is_address(text: str) -> bool:
    """Whether `text` is a URI rather than a folder's path."""
    scheme, colon, _ = text.partition(":")
    return "://" in text or bool(colon and scheme in _parts().found)


def one_spelling(uri: str) -> str:
    """The address in the one spelling that runs are compared by: `file://` and a slash at its end make no difference.

    Looks at nothing, and takes what is no address at all as it is.
    """
    if uri.startswith("file://"):
        uri = os.fsencode(storage.local_path(uri)).decode("utf-8", "backslashreplace")
    return uri.rstrip("/") or uri[:1]


def check(uri: str) -> None:
    """Refuse an address that is wrong beyond doubt. Raises FirstpassError."""
    source_of(uri).check(uri)


def list_images(uri: str) -> Iterator[ImageRef | LeftOut]:
    """Every image that `uri` names, always in the same order, one at a time, and what had to be left out.

    Raises as `ImageSource.list` does.
    """
    return source_of(uri).list(uri)


def draft_takers() -> list[str]:
    """The schemes whose images drafts can be brought back to."""
    return [name for name, source in _parts().found.items() if source.takes_drafts]


def _parts() -> entry_points.Parts:
    return entry_points.parts(GROUP, _is_source)


def _is_source(part: Any) -> bool:
    return callable(getattr(part, "list", None)) and callable(getattr(part, "fetch", None))

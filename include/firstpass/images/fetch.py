"""An image reference → its bytes."""

from __future__ import annotations

import time
from collections.abc import Iterable
from importlib import import_module

from firstpass import storage
from firstpass.images.decode import UnreadableImage
from firstpass.images.reference import ImageRef
from firstpass.settings import settings

# URI scheme → module with `open_source(uri) -> ImageSource`, `fetch(ref) -> bytes` and `expect(refs)`, imported when
# such a URI is met: that is how a later room brings images in without this one knowing it.
SCHEMES: dict[str, str] = {"cvat": "firstpass.cvat.source"}

DENIED = "was listed, but may not be read: access denied"
_TRIES = 4


class MissingImage(Exception):
    """The image was listed but cannot be had; the message is one sentence that says why."""


def expect(refs: Iterable[ImageRef]) -> None:
    """Say what will be fetched soon, so that a room that can read several images at once may do so."""
    by_scheme: dict[str, list[ImageRef]] = {}
    for ref in refs:
        by_scheme.setdefault(ref.uri.partition(":")[0], []).append(ref)
    for scheme in by_scheme.keys() & SCHEMES.keys():
        import_module(SCHEMES[scheme]).expect(by_scheme[scheme])


def fetch(ref: ImageRef) -> bytes:
    """The bytes of one image, whole, in memory.

    Raises MissingImage when it is gone or access is denied, UnreadableImage when it is larger than the setting
    max_image_bytes (nothing is read then) or the disk cannot read it. What the network does wrong is tried again, then
    passed on: that is no fault of the image.
    """
    limit = settings().max_image_bytes
    if ref.size > limit:
        raise UnreadableImage(f"is too large: {ref.size} bytes, more than FIRSTPASS_MAX_IMAGE_BYTES={limit}")
    scheme = ref.uri.partition(":")[0]
    if scheme in SCHEMES:
        data: bytes = import_module(SCHEMES[scheme]).fetch(ref)
        return data
    try:
        return _read_s3(ref.uri) if storage.is_s3(ref.uri) else storage.read(ref.uri)
    except FileNotFoundError as error:
        raise MissingImage("was listed, but is gone") from error
    except PermissionError as error:
        raise MissingImage(DENIED) from error
    except OSError as error:
        raise UnreadableImage(f"cannot be read from disk: {error.strerror}") from error


def _read_s3(uri: str) -> bytes:
    """botocore retries requests but not bodies that break off in the middle; this does."""
    from botocore.exceptions import ConnectionError as NoConnection
    from botocore.exceptions import HTTPClientError, IncompleteReadError

    for attempt in range(_TRIES - 1):
        try:
            return storage.read(uri)
        except (NoConnection, HTTPClientError, IncompleteReadError):
            time.sleep(0.2 * 4**attempt)
    return storage.read(uri)

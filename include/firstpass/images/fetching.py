"""An image reference → its bytes, whatever source it is of."""

from __future__ import annotations

import errno
from collections.abc import Iterable

from firstpass.contracts.image_reference import ImageRef
from firstpass.contracts.image_source import MissingImage, UnreadableImage
from firstpass.images.sources import source_of
from firstpass.outages import outage
from firstpass.settings import settings

DENIED = "was listed, but may not be read: access denied"
UNREAD = "cannot be read"  # how a reason begins that is the disk's or the permissions', not the content's


def expect(refs: Iterable[ImageRef]) -> None:
    """Say what will be fetched soon, so that a source that can read several images at once may do so."""
    by_scheme: dict[str, list[ImageRef]] = {}
    for ref in refs:
        by_scheme.setdefault(ref.uri.partition(":")[0], []).append(ref)
    for announced in by_scheme.values():
        source_of(announced[0].uri).expect(announced)


def fetch(ref: ImageRef) -> bytes:
    """The bytes of one image, whole, in memory.

    Raises MissingImage when it is gone or access is denied, UnreadableImage when it is larger than the setting
    max_image_bytes (nothing is read then) or the disk cannot read it, Unavailable when what it lies on is away: that is
    no fault of the image.
    """
    limit = settings().max_image_bytes
    if ref.size > limit:
        raise UnreadableImage(f"is too large: {ref.size} bytes, more than FIRSTPASS_MAX_IMAGE_BYTES={limit}")
    try:
        return source_of(ref.uri).fetch(ref)
    except FileNotFoundError as error:
        raise MissingImage("was listed, but is gone") from error
    except PermissionError as error:
        raise MissingImage(DENIED) from error
    except OSError as error:
        if error.errno != errno.EIO and (away := outage(error, ref.uri)):  # EIO may be one bad sector
            raise away from error
        raise UnreadableImage(f"{UNREAD} from disk: {error.strerror}") from error

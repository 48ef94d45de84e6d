"""Images in object storage: every object below s3://bucket/prefix whose name is an image's."""

from __future__ import annotations

import time
from collections.abc import Iterator

from firstpass import storage
from firstpass.contracts.image_reference import ImageRef
from firstpass.contracts.image_source import ImageSource
from firstpass.errors import FirstpassError, Unavailable
from firstpass.images.file_names import looks_like_image, no_images

_TRIES = 4


class ObjectStorageSource(ImageSource):
    """A prefix of a bucket. It is asked only when it is listed; memory does not grow with the number of objects."""

    def list(self, uri: str) -> Iterator[ImageRef]:
        """Every image object in order of key; width, height and sha256 are unknown, nothing is read."""
        found = False
        try:
            for entry in storage.listing(uri):
                if looks_like_image(entry.uri.rpartition("/")[2]):
                    found = True
                    yield ImageRef(entry.uri, entry.size, entry.etag)
        except FileNotFoundError as error:
            raise FirstpassError(
                f"images={uri!r}: there is no such bucket", "check the bucket's name and FIRSTPASS_S3_ENDPOINT"
            ) from error
        except PermissionError as error:
            raise FirstpassError(
                f"images={uri!r}: access denied",
                "allow s3:ListBucket and s3:GetObject to the credentials in use, or correct them",
            ) from error
        if found:
            return
        address = uri.rstrip("/")
        if "/" in address.removeprefix("s3://") and storage.exists(address):
            raise FirstpassError(f"images={uri!r} is a single object", "give the prefix that holds it")
        raise no_images(uri)

    def fetch(self, ref: ImageRef) -> bytes:
        """The object's bytes. botocore retries requests but not bodies that break off in the middle; this does.

        Raises Unavailable when that does not help.
        """
        attempt = 1
        while True:
            try:
                return storage.read(ref.uri)
            except Unavailable:
                if attempt == _TRIES:
                    raise
                time.sleep(0.05 * 4**attempt)
                attempt += 1


OBJECT_STORAGE = ObjectStorageSource()

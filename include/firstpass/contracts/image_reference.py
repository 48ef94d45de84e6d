"""The contract of the images room: a reference to one image."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ImageRef:
    """Where an image is and what was known of it before it was decoded.

    uri: `file:///…`, `s3://bucket/key` or `cvat:task/12#34` (frame 34 of task 12).
    size: bytes. etag: changes when the bytes may have changed (files: size and mtime in ns; S3: its ETag).
    width, height: pixels as stored, None while unknown (object storage is listed, not read).
    sha256: of the bytes, None until they were read for the first time.
    """

    uri: str
    size: int
    etag: str
    width: int | None = None
    height: int | None = None
    sha256: str | None = None
    task: int | None = None
    frame: int | None = None

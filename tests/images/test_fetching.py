"""A reference becomes bytes; what is gone, denied or too large says so, and a shaky network is tried again."""

from __future__ import annotations

import pytest
from botocore.exceptions import EndpointConnectionError, IncompleteReadError

from firstpass import storage
from firstpass.contracts.image_reference import ImageRef
from firstpass.contracts.image_source import MissingImage, UnreadableImage
from firstpass.images import object_storage
from firstpass.images.fetching import fetch


def test_files_and_objects(tmp_path, bucket):
    for uri in (storage.file_uri(tmp_path / "a b%20.jpg"), f"{bucket}/a b?#%.jpg"):
        storage.write(uri, b"pixels")
        assert fetch(ImageRef(uri, 6, "e")) == b"pixels"


def test_an_object_deleted_after_it_was_listed_is_missing(tmp_path, bucket):
    for uri in (f"{bucket}/gone.jpg", storage.file_uri(tmp_path / "gone.jpg")):
        with pytest.raises(MissingImage, match="is gone"):
            fetch(ImageRef(uri, 6, "e"))


@pytest.mark.parametrize(
    ("failure", "outcome", "reason"),
    [
        (PermissionError(13, "denied"), MissingImage, "access denied"),
        (OSError(5, "Input/output error"), UnreadableImage, "cannot be read from disk: Input/output error"),
    ],
)
def test_what_the_disk_says_is_told(monkeypatch, failure, outcome, reason):
    def read(uri):
        raise failure

    monkeypatch.setattr(storage, "read", read)
    with pytest.raises(outcome, match=reason):
        fetch(ImageRef("file:///a.jpg", 6, "e"))


def test_two_giga_bytes_are_not_read(monkeypatch):
    monkeypatch.setattr(storage, "read", None)
    with pytest.raises(UnreadableImage, match="2147483648 bytes, more than FIRSTPASS_MAX_IMAGE_BYTES=268435456"):
        fetch(ImageRef("s3://b/a.jpg", 2 * 2**30, "e"))


def test_a_body_that_breaks_off_is_read_again(monkeypatch):
    failures = [IncompleteReadError(actual_bytes=1, expected_bytes=6), EndpointConnectionError(endpoint_url="x")]

    def read(uri):
        if failures:
            raise failures.pop()
        return b"pixels"

    monkeypatch.setattr(storage, "read", read)
    monkeypatch.setattr(object_storage.time, "sleep", lambda seconds: None)
    assert fetch(ImageRef("s3://b/a.jpg", 6, "e")) == b"pixels"


def test_a_network_that_stays_away_is_no_fault_of_the_image(monkeypatch):
    def read(uri):
        raise EndpointConnectionError(endpoint_url="x")

    monkeypatch.setattr(storage, "read", read)
    monkeypatch.setattr(object_storage.time, "sleep", lambda seconds: None)
    with pytest.raises(EndpointConnectionError):
        fetch(ImageRef("s3://b/a.jpg", 6, "e"))

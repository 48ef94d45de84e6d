"""A reference becomes bytes, whatever source it is of; what is gone, denied or too large says so."""

from __future__ import annotations

import pytest

from firstpass import storage
from firstpass.contracts.image_reference import ImageRef
from firstpass.contracts.image_source import MissingImage, UnreadableImage
from firstpass.errors import Unavailable
from firstpass.images import fetching
from firstpass.images.fetching import expect, fetch
from firstpass.images.folder import FOLDER
from firstpass.settings import settings


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
        (OSError(116, "Stale file handle"), Unavailable, "file:///a.jpg: it does not answer"),  # the mount's, not its
    ],
)
def test_what_the_disk_says_is_told(monkeypatch, failure, outcome, reason):
    def read(ref):
        raise failure

    monkeypatch.setattr(FOLDER, "fetch", read)
    with pytest.raises(outcome, match=reason):
        fetch(ImageRef("file:///a.jpg", 6, "e"))


def test_two_giga_bytes_are_not_read(monkeypatch):
    monkeypatch.setattr(storage, "read", None)
    with pytest.raises(UnreadableImage, match="2147483648 bytes, more than FIRSTPASS_MAX_IMAGE_BYTES=268435456"):
        fetch(ImageRef("s3://b/a.jpg", 2 * 2**30, "e"))


@pytest.mark.parametrize(("size", "fits"), [(10, True), (11, False)])
def test_a_file_may_be_as_large_as_the_setting_says(monkeypatch, size, fits):
    monkeypatch.setenv("FIRSTPASS_MAX_IMAGE_BYTES", "10")
    settings.cache_clear()
    monkeypatch.setattr(FOLDER, "fetch", lambda ref: b"pixels")
    ref = ImageRef("file:///a.jpg", size, "e")
    try:
        if fits:
            assert fetch(ref) == b"pixels"
        else:
            with pytest.raises(UnreadableImage, match="11 bytes, more than FIRSTPASS_MAX_IMAGE_BYTES=10"):
                fetch(ref)
    finally:
        monkeypatch.undo()
        settings.cache_clear()


def test_each_source_is_told_which_of_its_images_will_be_fetched(monkeypatch):
    told = []

    class Source:
        def __init__(self, scheme: str) -> None:
            self.scheme = scheme

        def expect(self, refs):
            told.append((self.scheme, [ref.uri for ref in refs]))

    monkeypatch.setattr(fetching, "source_of", lambda uri: Source(uri.partition(":")[0]))
    uris = ["cvat:task/1#0", "s3://b/a.jpg", "cvat:task/1#1", "file:///a"]
    expect(ImageRef(uri, 1, "e") for uri in uris)
    assert told == [("cvat", [uris[0], uris[2]]), ("s3", [uris[1]]), ("file", [uris[3]])]
    told.clear()
    expect([])
    assert told == []

"""An address belongs to the source of its scheme; a plain path is a folder's."""

from __future__ import annotations

import pytest

from firstpass import entry_points
from firstpass.contracts.image_reference import ImageRef
from firstpass.contracts.image_source import ImageSource
from firstpass.entry_points import Parts
from firstpass.errors import FirstpassError
from firstpass.images import fetching, sources
from firstpass.images.folder import FOLDER
from firstpass.images.object_storage import OBJECT_STORAGE
from firstpass.images.sources import check, draft_takers, is_address, list_images, one_spelling, source_of


class Other(ImageSource):
    """A source that another package brings."""

    takes_drafts = True

    def list(self, uri):
        yield ImageRef(f"{uri}#0", 5, "e")

    def fetch(self, ref):
        return b"from " + ref.uri.encode()

    def check(self, uri):
        if "wrong" in uri:
            raise FirstpassError("that is wrong", "write another")


@pytest.fixture
def plugin(monkeypatch):
    """A package that brings `other:` addresses, and one whose `torn:` addresses cannot be read."""
    built_in = {"file": FOLDER, "s3": OBJECT_STORAGE}
    parts = Parts(built_in | {"other": Other()}, {"torn": "the plugin torn of the package zoo cannot be imported"})
    monkeypatch.setattr(entry_points, "parts", lambda group, check: parts)


@pytest.mark.parametrize(
    ("uri", "source"),
    [
        ("/photos", FOLDER),
        ("file:///photos", FOLDER),
        ("s3://bucket/prefix", OBJECT_STORAGE),
        ("relative/folder", FOLDER),
        ("/odd:name/photos", FOLDER),
        ("odd:name", FOLDER),
        ("s3", FOLDER),
        ("", FOLDER),
    ],
)
def test_a_scheme_has_its_source_and_anything_else_is_a_folder(uri, source):
    assert source_of(uri) is source


@pytest.mark.parametrize(
    ("uri", "spelling"),
    [
        ("/photos", "/photos"),
        ("/photos//", "/photos"),
        ("file:///photos/", "/photos"),
        ("file:///a%20b", "/a b"),
        ("file:///caf%E9", "/caf\\xe9"),
        ("/", "/"),
        ("s3://bucket/prefix/", "s3://bucket/prefix"),
        ("cvat:task/12?policy=empty", "cvat:task/12?policy=empty"),
        ("strange:thing", "strange:thing"),
        ("", ""),
    ],
)
def test_one_place_has_one_spelling(uri, spelling):
    assert one_spelling(uri) == spelling


def test_a_scheme_that_nobody_knows_is_told_with_those_that_somebody_does(plugin):
    with pytest.raises(FirstpassError) as error:
        check("https://example.org/x")
    assert error.value.problem == "images='https://example.org/x': nothing reads https:// addresses"
    assert error.value.fix == "give a folder, s3://bucket/prefix or file:… or other:… or s3:…"


def test_a_folder_may_be_called_like_a_scheme(plugin):
    for name in ("torn", "other", "https"):
        assert source_of(name) is FOLDER


@pytest.mark.parametrize("uri", ["torn:1", "torn://1"])
def test_a_broken_plugin_is_named(plugin, uri):
    with pytest.raises(FirstpassError, match="the plugin torn of the package zoo cannot be imported"):
        list_images(uri)


def test_a_plugin_brings_images_in_by_its_scheme(plugin):
    (ref,) = list_images("other:1")
    assert fetching.fetch(ref) == b"from other:1#0"
    assert check("other:1") is None
    with pytest.raises(FirstpassError, match="that is wrong"):
        check("other:wrong")


def test_drafts_go_back_where_they_are_taken(plugin):
    assert draft_takers() == ["other"]


@pytest.mark.parametrize(
    ("text", "address"),
    [("s3://b/p", True), ("https://x", True), ("other:1", True), ("torn:1", False), ("/a:b", False), ("other", False)],
)
def test_an_address_is_told_from_a_path(plugin, text, address):
    assert is_address(text) is address


class Half:
    list = print


class Rest:
    fetch = print


class Odd:
    list, fetch = print, 7


@pytest.mark.parametrize(
    ("part", "fits"),
    [(FOLDER, True), (Other(), True), (object(), False), (Half(), False), (Rest(), False), (Odd(), False)],
)
def test_a_source_lists_and_fetches(monkeypatch, part, fits):
    checks = []
    monkeypatch.setattr(entry_points, "parts", lambda group, check: checks.append((group, check)) or Parts({}, {}))
    draft_takers()
    ((group, is_source),) = checks
    assert (group, is_source(part)) == (sources.GROUP, fits)

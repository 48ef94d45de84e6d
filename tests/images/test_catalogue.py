"""Images in, one row each: what is new, known, twice there or unusable, each file read once in its life."""

from __future__ import annotations

import hashlib
import os
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st
from PIL import Image

from firstpass import storage
from firstpass.contracts.image_reference import ImageRef
from firstpass.contracts.image_source import LeftOut
from firstpass.contracts.outcome import Outcome
from firstpass.images import catalogue as catalogues
from firstpass.images import catalogue_file
from firstpass.images.catalogue import CATALOGUE, catalogue
from firstpass.images.catalogue_file import counts
from firstpass.images.sources import list_images
from firstpass.settings import settings


def png(colour: str, size: tuple[int, int] = (40, 30)) -> bytes:
    buffer = BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return buffer.getvalue()


def nothing(keys):
    return set()


def forgotten(uris):
    return {}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.png").write_bytes(png("red"))
    (tmp_path / "b.png").write_bytes(png("blue", (20, 10)))
    (tmp_path / "sub" / "c.png").write_bytes(png("red"))
    (tmp_path / "text.jpg").write_bytes(b"only text")
    (tmp_path / "zero.jpg").write_bytes(b"")
    return tmp_path


@pytest.fixture
def limits(monkeypatch):
    """`limits(bytes=10)`: the largest image that is looked at."""

    def change(**values: int) -> None:
        for name, value in values.items():
            monkeypatch.setenv(f"FIRSTPASS_MAX_IMAGE_{name.upper()}", str(value))
        settings.cache_clear()

    yield change
    settings.cache_clear()


@pytest.fixture
def run(tmp_path_factory):
    """The folder of a run."""
    return str(tmp_path_factory.mktemp("run"))


@pytest.fixture
def rows_of(run):
    """Every image as a row, in order of URI: what was decided, and what is left in the run's folder, which has none."""

    def catalogued(*args, **kwargs) -> list[dict]:
        decided = list(catalogue(run, *args, **kwargs))
        assert all(batch.schema == CATALOGUE and len(batch) for batch in decided)
        rows = [row for batch in decided for row in batch.to_pylist()]
        assert all(row["outcome"] for row in rows)
        with catalogue_file.opened(run) as file:
            left = [row for part in file.parts() for row in part.to_pylist()]
        return sorted([*rows, *(row | {"outcome": None, "reason": None} for row in left)], key=lambda row: row["uri"])

    return catalogued


def by_name(rows) -> dict[str, dict]:
    return {Path(storage.local_path(row["uri"])).name: row for row in rows}


def test_every_image_gets_a_row(folder, run, rows_of):
    rows = by_name(rows_of(list_images(str(folder)), nothing, forgotten))
    assert list(rows) == ["a.png", "b.png", "c.png", "text.jpg", "zero.jpg"]
    assert {name: row["outcome"] for name, row in rows.items()} == {
        "a.png": None,
        "b.png": None,
        "c.png": "duplicate",
        "text.jpg": "unreadable",
        "zero.jpg": "unreadable",
    }
    assert (rows["b.png"]["width"], rows["b.png"]["height"]) == (20, 10)
    assert rows["a.png"]["sha256"] == rows["c.png"]["sha256"] == hashlib.sha256(png("red")).hexdigest()
    assert rows["c.png"]["reason"] == f"has the same content as {rows['a.png']['uri']}"
    assert "not an image" in rows["text.jpg"]["reason"]
    assert rows["zero.jpg"]["reason"] == "is empty (0 bytes)"
    assert counts(run) == {"images": 5, "new": 2, "duplicate": 1, "unreadable": 2}


# Of each listed image: scheme, etag, size, the content that is remembered of it, and whether under its etag.
LISTED = st.lists(
    st.tuples(
        st.sampled_from(["s3://b", "file:///nowhere", "cvat:task"]),
        st.sampled_from(["e1", "e2"]),
        st.sampled_from([5, 6, 11]),
        st.sampled_from([None, "x", "y", "z"]),
        st.booleans(),
    ),
    max_size=15,
)


@given(listed=LISTED, known=st.sets(st.sampled_from("xyz")), reprocess=st.booleans(), batch=st.integers(1, 6))
@settings_of_hypothesis(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_listed_image_is_there_once_and_copies_point_to_their_first(
    limits, monkeypatch, run, rows_of, listed, known, reprocess, batch
):
    monkeypatch.setattr(catalogues, "BATCH", batch)
    limits(bytes=10)
    refs = [ImageRef(f"{place}/{n}.jpg", size, etag) for n, (place, etag, size, _, _) in enumerate(listed)]
    memory = {
        ref.uri: (ref.etag if same else "other", content, 8, 6)
        for ref, (_, _, _, content, same) in zip(refs, listed, strict=True)
    }
    rows = {
        row["uri"]: row
        for row in rows_of(
            iter(refs), lambda keys: known & set(keys), lambda uris: {uri: memory[uri] for uri in uris}, reprocess
        )
    }
    assert rows.keys() == {ref.uri for ref in refs}
    assert counts(run)["images"] == len(refs)
    first: dict[object, str] = {}
    for ref, (place, etag, size, content, same) in zip(refs, listed, strict=True):
        row = rows[ref.uri]
        content = content if same else None
        assert (row["sha256"], row["width"], row["height"]) == ((content, 8, 6) if content else (None, None, None))
        key = content or (f"{etag}:{size}" if place == "s3://b" else ref.uri)
        if size > 10:
            expected = ("unreadable", f"is too large: {size} bytes, more than FIRSTPASS_MAX_IMAGE_BYTES=10")
        elif content in known and not reprocess:
            expected = ("known", None)
        elif key in first:
            expected = ("duplicate", f"has the same content as {first[key]}")
        else:
            expected = (None, None)
            first[key] = ref.uri
        assert (row["outcome"], row["reason"]) == expected


def test_questions_are_asked_once_for_each_batch_and_never_when_everything_is_wanted(monkeypatch, rows_of):
    monkeypatch.setattr(catalogues, "BATCH", 2)
    asked = []

    def known(contents):
        asked.append(contents)
        return set()

    def remembered(uris):
        asked.append(uris)
        return {uri: ("e", uri[-5], 8, 6) for uri in uris if "b" not in uri}

    refs = [ImageRef(f"s3://p/{name}.jpg", 5, "e") for name in "abc"]
    rows_of(iter(refs), known, remembered)
    assert asked == [["s3://p/a.jpg", "s3://p/b.jpg"], ["a"], ["s3://p/c.jpg"], ["c"]]
    asked.clear()
    rows_of(iter(refs), known, remembered, reprocess=True)
    assert asked == [["s3://p/a.jpg", "s3://p/b.jpg"], ["s3://p/c.jpg"]]


def test_what_cannot_be_opened_says_why(tmp_path, rows_of):
    (tmp_path / "folder.jpg").mkdir()
    (row,) = rows_of(iter([ImageRef(storage.file_uri(tmp_path / "folder.jpg"), 5, "e")]), nothing, forgotten)
    assert (row["outcome"], row["reason"]) == ("unreadable", "cannot be read: Is a directory")


def test_files_without_content_in_common_are_no_copies_though_changed_at_once(tmp_path, rows_of):
    """A file's etag is its time of change, which says nothing of its content."""
    refs = [ImageRef(storage.file_uri(tmp_path / f"{name}.jpg"), 5, "same") for name in "ab"]
    assert [row["outcome"] for row in rows_of(iter(refs), nothing, forgotten)] == [None, None]


def test_a_catalogue_counts_its_outcomes(run, rows_of):
    assert rows_of(iter([]), nothing, forgotten) == []
    assert counts(run) == {"images": 0, "new": 0}
    refs = [ImageRef(f"s3://b/{n}.jpg", 5, f"e{n % 2}") for n in range(5)]
    rows_of(iter(refs), nothing, forgotten)
    assert counts(run) == {"images": 5, "new": 2, "duplicate": 3}


def test_what_was_done_before_is_known_unless_everything_is_asked_for(folder, rows_of):
    red = hashlib.sha256(png("red")).hexdigest()
    asked = []

    def known(hashes):
        asked.extend(hashes)
        return {red}

    rows = by_name(rows_of(list_images(str(folder)), known, forgotten))
    assert [rows[name]["outcome"] for name in ("a.png", "b.png", "c.png")] == ["known", None, "known"]
    assert red in asked
    rows = by_name(rows_of(list_images(str(folder)), known, forgotten, reprocess=True))
    assert [rows[name]["outcome"] for name in ("a.png", "b.png", "c.png")] == [None, None, "duplicate"]


def test_an_unchanged_file_is_not_read_again(folder, monkeypatch, rows_of):
    first = rows_of(list_images(str(folder)), nothing, forgotten)

    def remembered(uris):
        rows = {row["uri"]: row for row in first}
        return {uri: tuple(rows[uri][key] for key in ("etag", "sha256", "width", "height")) for uri in uris}

    read = []
    digest = hashlib.file_digest
    monkeypatch.setattr(
        catalogues.hashlib, "file_digest", lambda file, kind: (read.append(file.name), digest(file, kind))[1]
    )
    (folder / "b.png").write_bytes(png("green", (50, 60)))
    os.utime(folder / "b.png", ns=(7, 7))
    rows = by_name(rows_of(list_images(str(folder)), nothing, remembered))
    assert [Path(name).name for name in read] == ["b.png"]
    assert rows["a.png"]["sha256"] == hashlib.sha256(png("red")).hexdigest()
    assert (rows["a.png"]["width"], rows["b.png"]["width"]) == (40, 50)


def test_a_file_that_vanishes_meanwhile_is_left_for_inference_to_miss(folder, rows_of):
    def vanishing():
        for ref in list_images(str(folder)):
            storage.local_path(ref.uri).unlink()
            yield ref

    table = rows_of(vanishing(), nothing, forgotten)
    assert [row["outcome"] for row in table] == [None] * 5


def test_what_the_source_left_out_has_a_row_and_is_looked_at_anew(folder, run, rows_of):
    """An unreadable folder, and links that lead nowhere: neither asked about, nor known, nor anyone's copy."""
    asked = []
    listed = [
        *(each for each in list_images(str(folder)) if each.uri.endswith("a.png")),
        LeftOut(f"file://{folder}/locked/", "this folder could not be listed: Permission denied"),
        *(LeftOut(f"file://{folder}/{name}.jpg", "is a link", Outcome.MISSING) for name in ("x", "y")),
    ]

    def remember(uris):
        asked.extend(uris)
        return {}

    table = rows_of(iter(listed), lambda hashes: set(hashes), remember)
    assert asked == [f"file://{folder}/a.png"]
    assert counts(run) == {"images": 4, "new": 0, "known": 1, "unreadable": 1, "missing": 2}
    row = table[1]
    assert (row["uri"], row["size"], row["sha256"]) == (f"file://{folder}/locked/", 0, None)
    assert row["reason"] == "this folder could not be listed: Permission denied"


@pytest.mark.timeout(10)
def test_what_takes_a_file_s_place_after_listing_is_not_read(folder, rows_of):
    def replaced():
        for ref in list_images(str(folder)):
            if ref.uri.endswith("a.png"):
                storage.local_path(ref.uri).unlink()
                os.mkfifo(storage.local_path(ref.uri))
            yield ref

    row = by_name(rows_of(replaced(), nothing, forgotten))["a.png"]
    assert (row["outcome"], row["reason"], row["sha256"]) == ("unreadable", "is no regular file any more", None)


def test_limits(folder, limits, rows_of):
    limits(bytes=50)
    row = by_name(rows_of(list_images(str(folder)), nothing, forgotten))["a.png"]
    assert row["outcome"] == "unreadable"
    assert "more than FIRSTPASS_MAX_IMAGE_BYTES=50" in row["reason"]
    limits(bytes=10_000, memory=7 * 500)
    rows = by_name(rows_of(list_images(str(folder)), nothing, forgotten))
    assert "40×30 pixels need" in rows["a.png"]["reason"]
    assert rows["b.png"]["outcome"] is None


def test_an_image_as_large_as_the_limit_is_looked_at(folder, limits, rows_of):
    size = (folder / "a.png").stat().st_size
    for most, outcome in ((size, None), (size - 1, "unreadable")):
        limits(bytes=most)
        assert by_name(rows_of(list_images(str(folder)), nothing, forgotten))["a.png"]["outcome"] == outcome


def test_objects_are_listed_not_read(bucket, monkeypatch, rows_of):
    for name, data in {"a.png": png("red"), "b.png": png("blue"), "c.png": png("red"), "d.txt": b"no"}.items():
        storage.write(f"{bucket}/pics/{name}", data)
    monkeypatch.setattr(storage, "read", None)
    table = rows_of(list_images(f"{bucket}/pics"), nothing, forgotten)
    assert [(row["sha256"], row["width"]) for row in table] == [(None, None)] * 3
    assert [row["outcome"] for row in table] == [None, None, "duplicate"]
    assert table[2]["reason"] == f"has the same content as {bucket}/pics/a.png"
    etags = {row["uri"]: row["etag"] for row in table}

    def remembered(uris):
        return {uri: (etags[uri], "c0ffee", 40, 30) for uri in uris if uri.endswith("b.png")}

    second = rows_of(list_images(f"{bucket}/pics/"), lambda hashes: set(hashes), remembered)
    assert [row["outcome"] for row in second] == [None, "known", "duplicate"]


def test_two_giga_bytes_in_storage_are_quarantined_unread(rows_of):
    giant = ImageRef("s3://b/p/giant.tif", 2 * 2**30, "e")
    (row,) = rows_of(iter([giant]), nothing, forgotten)
    assert row["outcome"] == "unreadable"
    assert "2147483648 bytes" in row["reason"]


def test_both_come_in_the_order_in_which_they_are_listed(run):
    names = ["k", "a", "n1", "z", "n0", "b", "copy of n1"]
    contents = {f"s3://b/{name}": ("e", "n1" if "n1" in name else name, 8, 6) for name in names}
    refs = [ImageRef(uri, 5, "e") for uri in contents]
    decided = catalogue(run, iter(refs), lambda keys: {key for key in keys if "n" not in key}, lambda _: contents)
    assert [uri[7:] for batch in decided for uri in batch["uri"].to_pylist()] == ["k", "a", "z", "b", "copy of n1"]
    with catalogue_file.opened(run) as file:
        assert [uri[7:] for part in file.parts() for uri in part["uri"].to_pylist()] == ["n1", "n0"]


def test_one_that_is_broken_off_leaves_no_file(run, folder):
    def breaking():
        yield from list_images(str(folder))
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        list(catalogue(run, breaking(), nothing, forgotten))
    assert list(Path(run).iterdir()) == []


def test_many_batches_keep_their_order_and_find_each_other(monkeypatch, rows_of):
    """Memory is bounded by taking some at a time; duplicates are found across them."""
    monkeypatch.setattr(catalogues, "BATCH", 7)

    listing = (ImageRef(f"s3://b/p/{i:03d}.jpg", 10, f"etag{i % 60}") for i in range(100))
    table = rows_of(listing, nothing, forgotten)
    assert [row["uri"] for row in table] == [f"s3://b/p/{i:03d}.jpg" for i in range(100)]
    assert [row["outcome"] for row in table] == [None] * 60 + ["duplicate"] * 40
    assert table[99]["reason"] == "has the same content as s3://b/p/039.jpg"

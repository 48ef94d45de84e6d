"""Images in, one row each: what is new, known, twice there or unusable, each file read once in its life."""

from __future__ import annotations

import hashlib
import os
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from firstpass import storage
from firstpass.contracts.image_reference import ImageRef
from firstpass.errors import FirstpassError
from firstpass.images import catalogue as catalogues
from firstpass.images.catalogue import CATALOGUE, catalogue, counts, references
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


def by_name(table) -> dict[str, dict]:
    return {Path(storage.local_path(row["uri"])).name: row for row in table.to_pylist()}


def test_every_image_gets_a_row(folder):
    table = catalogue(list_images(str(folder)), nothing, forgotten)
    assert table.schema == CATALOGUE
    rows = by_name(table)
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
    assert counts(table) == {"images": 5, "new": 2, "duplicate": 1, "unreadable": 2}


def test_what_was_done_before_is_known_unless_everything_is_asked_for(folder):
    red = hashlib.sha256(png("red")).hexdigest()
    asked = []

    def known(hashes):
        asked.extend(hashes)
        return {red}

    rows = by_name(catalogue(list_images(str(folder)), known, forgotten))
    assert [rows[name]["outcome"] for name in ("a.png", "b.png", "c.png")] == ["known", None, "known"]
    assert red in asked
    rows = by_name(catalogue(list_images(str(folder)), known, forgotten, reprocess=True))
    assert [rows[name]["outcome"] for name in ("a.png", "b.png", "c.png")] == [None, None, "duplicate"]


def test_an_unchanged_file_is_not_read_again(folder, monkeypatch):
    first = catalogue(list_images(str(folder)), nothing, forgotten)

    def remembered(uris):
        rows = {row["uri"]: row for row in first.to_pylist()}
        return {uri: tuple(rows[uri][key] for key in ("etag", "sha256", "width", "height")) for uri in uris}

    read = []
    digest = hashlib.file_digest
    monkeypatch.setattr(
        catalogues.hashlib, "file_digest", lambda file, kind: (read.append(file.name), digest(file, kind))[1]
    )
    (folder / "b.png").write_bytes(png("green", (50, 60)))
    os.utime(folder / "b.png", ns=(7, 7))
    rows = by_name(catalogue(list_images(str(folder)), nothing, remembered))
    assert [Path(name).name for name in read] == ["b.png"]
    assert rows["a.png"]["sha256"] == hashlib.sha256(png("red")).hexdigest()
    assert (rows["a.png"]["width"], rows["b.png"]["width"]) == (40, 50)


def test_a_file_that_vanishes_meanwhile_is_left_for_inference_to_miss(folder):
    def vanishing():
        for ref in list_images(str(folder)):
            storage.local_path(ref.uri).unlink()
            yield ref

    table = catalogue(vanishing(), nothing, forgotten)
    assert len(table) == 5
    assert set(table["outcome"].to_pylist()) == {None}


def test_limits(folder, monkeypatch):
    monkeypatch.setenv("FIRSTPASS_MAX_IMAGE_BYTES", "50")
    monkeypatch.setenv("FIRSTPASS_MAX_IMAGE_PIXELS", "500")
    settings.cache_clear()
    try:
        row = by_name(catalogue(list_images(str(folder)), nothing, forgotten))["a.png"]
        assert row["outcome"] == "unreadable"
        assert "more than FIRSTPASS_MAX_IMAGE_BYTES=50" in row["reason"]
        monkeypatch.delenv("FIRSTPASS_MAX_IMAGE_BYTES")
        settings.cache_clear()
        rows = by_name(catalogue(list_images(str(folder)), nothing, forgotten))
        assert "40×30 pixels, more than FIRSTPASS_MAX_IMAGE_PIXELS=500" in rows["a.png"]["reason"]
        assert rows["b.png"]["outcome"] is None
    finally:
        monkeypatch.undo()
        settings.cache_clear()


def test_objects_are_listed_not_read(bucket, monkeypatch):
    for name, data in {"a.png": png("red"), "b.png": png("blue"), "c.png": png("red"), "d.txt": b"no"}.items():
        storage.write(f"{bucket}/pics/{name}", data)
    monkeypatch.setattr(storage, "read", None)
    table = catalogue(list_images(f"{bucket}/pics"), nothing, forgotten)
    assert table["sha256"].null_count == table["width"].null_count == 3
    assert table["outcome"].to_pylist() == [None, None, "duplicate"]
    assert table["reason"][2].as_py() == f"has the same content as {bucket}/pics/a.png"
    etags = dict(zip(table["uri"].to_pylist(), table["etag"].to_pylist(), strict=True))

    def remembered(uris):
        return {uri: (etags[uri], "c0ffee", 40, 30) for uri in uris if uri.endswith("b.png")}

    second = catalogue(list_images(f"{bucket}/pics/"), lambda hashes: set(hashes), remembered)
    assert second["outcome"].to_pylist() == [None, "known", "duplicate"]


def test_two_giga_bytes_in_storage_are_quarantined_unread():
    giant = ImageRef("s3://b/p/giant.tif", 2 * 2**30, "e")
    (row,) = catalogue(iter([giant]), nothing, forgotten).to_pylist()
    assert row["outcome"] == "unreadable"
    assert "2147483648 bytes" in row["reason"]


@pytest.mark.parametrize(
    ("uri", "problem"),
    [
        ("s3://no-such-bucket-here/p", "no such bucket"),
        ("{}/nothing", "holds no images"),
        ("{}/one.png", "is a single object"),
    ],
)
def test_storage_that_holds_no_images_says_so(bucket, uri, problem):
    storage.write(f"{bucket}/one.png", png("red"))
    with pytest.raises(FirstpassError, match=problem):
        catalogue(list_images(uri.format(bucket)), nothing, forgotten)


def test_an_empty_bucket_says_so(bucket):
    with pytest.raises(FirstpassError, match="holds no images"):
        catalogue(list_images(bucket), nothing, forgotten)


def test_the_table_and_its_references_survive_storage(folder, tmp_path):
    table = catalogue(list_images(str(folder)), nothing, forgotten)
    uri = catalogues.save(table, str(tmp_path / "run"))
    assert uri == f"{tmp_path}/run/catalogue.parquet"
    assert catalogues.load(str(tmp_path / "run")).equals(table)
    refs = references(table.slice(1, 1))
    assert refs == [
        ImageRef(
            uri=f"file://{folder}/b.png",
            size=(folder / "b.png").stat().st_size,
            etag=table["etag"][1].as_py(),
            width=20,
            height=10,
            sha256=hashlib.sha256(png("blue", (20, 10))).hexdigest(),
        )
    ]


def test_many_batches_keep_their_order_and_find_each_other(monkeypatch):
    """Memory is bounded by taking some at a time; duplicates are found across them."""
    monkeypatch.setattr(catalogues, "_BATCH", 7)

    listing = (ImageRef(f"s3://b/p/{i:03d}.jpg", 10, f"etag{i % 60}") for i in range(100))
    table = catalogue(listing, nothing, forgotten)
    assert table["uri"].to_pylist() == [f"s3://b/p/{i:03d}.jpg" for i in range(100)]
    assert table["outcome"].to_pylist() == [None] * 60 + ["duplicate"] * 40
    assert table["reason"][99].as_py() == "has the same content as s3://b/p/039.jpg"

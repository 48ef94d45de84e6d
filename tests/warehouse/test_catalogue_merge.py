"""What a catalogue decides into the warehouse: what is as it was is not written again, and no night loses anything."""

from __future__ import annotations

from firstpass.warehouse.catalogue_merge import merge_catalogue
from firstpass.warehouse.merge import merge_chunk
from fixtures.made_up_runs import catalogue, dump, query, row, unreadable


def photos(start: int, stop: int, **other) -> list[dict]:
    """As many detections as the number's last digit."""
    return [row(f"file:///{n:04d}.jpg", "ok" if n % 10 else "empty", n % 10) | other for n in range(start, stop)]


def test_known_images_bring_their_drafts_into_the_run(warehouse, night):
    first, second = night("first"), night("second")
    rows = photos(0, 5)
    merge_chunk(warehouse, first.spec, first.chunk(0, rows))
    renamed = row("file:///copy.jpg", "duplicate", sha256=rows[3]["sha256"])
    merge_catalogue(warehouse, second.spec, catalogue([*(r | {"outcome": "known"} for r in rows), renamed]))
    found = query(warehouse, "SELECT uri, detections, inferred_by FROM run_predictions WHERE run_id = 'second'")
    assert sorted(found) == [
        *((f"file:///000{n}.jpg", n, "first") for n in range(5)),
        ("file:///copy.jpg", 3, "first"),
    ]
    assert query(warehouse, "SELECT detections FROM current_predictions WHERE uri = 'file:///copy.jpg'") == [(3,)]


def test_only_decided_images_are_written(warehouse, night):
    run = night()
    rows = [row("file:///new", None), unreadable("file:///bad"), row("file:///old", "known")]
    merge_catalogue(warehouse, run.spec, catalogue(rows))
    assert query(warehouse, "SELECT uri, outcome, reason FROM run_images ORDER BY uri") == [
        ("file:///bad", "unreadable", "the file is empty"),
        ("file:///old", "known", None),
    ]


def test_cataloguing_again_starts_the_run_afresh(warehouse, night):
    run = night()
    merge_catalogue(warehouse, run.spec, catalogue([unreadable("file:///gone")]))
    merge_chunk(warehouse, run.spec, run.chunk(0, photos(0, 4)))
    merge_catalogue(warehouse, run.spec, catalogue([unreadable("file:///bad"), *photos(0, 4, outcome=None)]))
    assert query(warehouse, "SELECT uri FROM run_images") == [("file:///bad",)]
    assert query(warehouse, "SELECT count(*) FROM chunks") == [(0,)]


def test_other_runs_keep_what_they_have(warehouse, night):
    first, second = night("first"), night("second")
    merge_chunk(warehouse, first.spec, first.chunk(0, photos(0, 4)))
    merge_catalogue(warehouse, second.spec, catalogue([unreadable("file:///bad")]))
    assert query(warehouse, "SELECT run_id, count(*) FROM run_images GROUP BY 1 ORDER BY 1") == [
        ("first", 4), ("second", 1)
    ]  # fmt: skip
    assert query(warehouse, "SELECT run_id, chunk FROM chunks") == [("first", 0)]


def test_a_catalogue_without_decisions_writes_nothing(warehouse, night):
    run = night()
    merge_catalogue(warehouse, run.spec, catalogue(photos(0, 4, outcome=None)))
    merge_catalogue(warehouse, run.spec, catalogue([]))
    assert query(warehouse, "SELECT count(*) FROM run_images") == [(0,)]


def test_a_night_without_news_leaves_the_images_as_they_are(warehouse, night):
    first = night("first")
    merge_chunk(warehouse, first.spec, first.chunk(0, photos(0, 5)))
    before = dump(warehouse)["images"]
    second = night("second")
    merge_catalogue(warehouse, second.spec, catalogue(photos(0, 5, outcome="known")))
    assert dump(warehouse)["images"] == before


def test_duplicates_in_object_storage_get_their_content_when_it_is_read(warehouse, night):
    """There, the catalogue knows equal files by etag and size alone."""
    run = night()
    twin = {"etag": "e1", "size": 7}
    duplicate = row("s3://b/2.jpg", "duplicate", sha256=None, width=None, height=None, **twin)
    merge_catalogue(warehouse, run.spec, catalogue([row("s3://b/1.jpg", None, sha256=None, **twin), duplicate]))
    chunk = run.chunk(0, [row("s3://b/1.jpg", detections=4, **twin), row("s3://b/3.jpg", etag="e3")])
    for _ in range(2):
        merge_chunk(warehouse, run.spec, chunk)
        assert query(warehouse, "SELECT uri, detections, width FROM run_predictions ORDER BY uri") == [
            ("s3://b/1.jpg", 4, 640),
            ("s3://b/2.jpg", 4, 640),
            ("s3://b/3.jpg", 1, 640),
        ]
    assert query(warehouse, "SELECT count(*) FROM current_predictions") == [(3,)]


def test_only_equal_files_of_the_same_run_get_it(warehouse, night):
    """Equal means etag and size; what is known of a content already is not touched."""
    other, run = night("other"), night()
    twin = {"etag": "e1", "size": 7}
    unread = {"sha256": None, "width": None, "height": None}
    merge_catalogue(warehouse, other.spec, catalogue([row("s3://b/elsewhere", "duplicate", **twin | unread)]))
    rows = [
        row("s3://b/larger", "duplicate", **twin | unread | {"size": 8}),
        row("s3://b/other etag", "duplicate", **twin | unread | {"etag": "e2"}),
        row("s3://b/read", "duplicate", **twin | {"sha256": "f" * 64}),
        row("s3://b/known", "known", **twin | unread),
        row("s3://b/twin", "duplicate", **twin | unread),
    ]
    merge_catalogue(warehouse, run.spec, catalogue(rows))
    original = row("s3://b/1.jpg", width=100, height=50, **twin)
    merge_chunk(warehouse, run.spec, run.chunk(0, [original]))
    content = original["sha256"]
    assert query(warehouse, "SELECT run_id, uri, sha256, width, height FROM run_images ORDER BY 1, 2") == [
        ("a run", "s3://b/1.jpg", content, 100, 50),
        ("a run", "s3://b/known", None, None, None),
        ("a run", "s3://b/larger", None, None, None),
        ("a run", "s3://b/other etag", None, None, None),
        ("a run", "s3://b/read", "f" * 64, 640, 480),
        ("a run", "s3://b/twin", content, 100, 50),
        ("other", "s3://b/elsewhere", None, None, None),
    ]
    assert query(warehouse, "SELECT uri FROM images WHERE sha256 = %s AND width = 100 ORDER BY 1", content) == [
        ("s3://b/1.jpg",), ("s3://b/twin",)
    ]  # fmt: skip

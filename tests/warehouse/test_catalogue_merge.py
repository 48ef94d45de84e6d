"""What a catalogue decides into the warehouse: what is as it was is not written again, and no night loses anything."""

from __future__ import annotations

import threading
from contextlib import closing
from dataclasses import replace

import psycopg2
import pytest

from firstpass.warehouse.catalogue_merge import merge_catalogue
from firstpass.warehouse.connection import transaction
from firstpass.warehouse.merge import merge_chunk
from firstpass.warehouse.runs import begin_run
from fixtures.made_up_runs import VERSION, catalogue, dump, query, row, unreadable


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


SERIES = "SELECT uri, since, until, outcome FROM standing_outcomes ORDER BY uri, since"
STILL = 2**31 - 1


class Folder:
    """A folder that changes from night to night, and the runs over it; `merged` is what is inferred of what is new."""

    def __init__(self, warehouse, night, **spec) -> None:
        self.warehouse, self.night, self.spec = warehouse, night, spec
        self.images: dict[str, str] = {}
        self.broken: dict[str, str] = {}
        self.seen: set[str] = set()
        self.nights: dict[str, list[tuple]] = {}

    def rows(self, reprocess: bool) -> tuple[list[dict], list[dict]]:
        images = [row(f"file:///{name}", sha256=content * 64) for name, content in self.images.items()]
        new = [each for each in images if reprocess or each["sha256"] not in self.seen]
        known = [each | {"outcome": "known"} for each in images if each not in new]
        broken = [unreadable(f"file:///{name}", reason) | {"sha256": None} for name, reason in self.broken.items()]
        return new, known + broken

    def run(self, run_id: str, merged: bool = True, **spec):
        run = self.night(run_id, **self.spec | spec)
        new, decided = self.rows(run.spec.reprocess)
        merge_catalogue(self.warehouse, run.spec, catalogue(decided))
        if merged:
            merge_chunk(self.warehouse, run.spec, run.chunk(0, new))
            self.seen |= {each["sha256"] for each in new}
        self.nights[run_id] = images_of(self.warehouse, run_id)
        return run


def images_of(warehouse, run_id: str) -> list[tuple]:
    return query(
        warehouse,
        "SELECT uri, outcome, detections, drafts, sha256, reason FROM run_images WHERE run_id = %s ORDER BY uri",
        run_id,
    )


def fates(warehouse, run_id: str) -> dict[str, str]:
    return {uri.removeprefix("file:///"): outcome for uri, outcome, *_ in images_of(warehouse, run_id)}


def written(warehouse) -> list[tuple]:
    """Where each row lies, and who wrote it: what was not touched is the same."""
    tables = ("outcomes", "standing_outcomes", "images", "predictions")
    return [query(warehouse, f"SELECT ctid::text, xmin::text FROM {table} ORDER BY 1") for table in tables]


def test_what_is_known_is_written_once_and_every_night_has_it(warehouse, night):
    folder = Folder(warehouse, night)
    folder.images = {"a": "1", "b": "2", "c": "3"}
    folder.broken = {"x": "the file is empty"}
    folder.run("first")
    before = written(warehouse)
    for number in range(2, 6):
        folder.run(f"night {number}")
    assert written(warehouse) == before
    for number in range(2, 6):
        assert fates(warehouse, f"night {number}") == {"a": "known", "b": "known", "c": "known", "x": "unreadable"}
        assert query(
            warehouse, "SELECT images, known, unreadable, ok FROM run_statistics WHERE run_id = %s", f"night {number}"
        ) == [(4, 3, 1, 0)]
    assert fates(warehouse, "first") == {"a": "ok", "b": "ok", "c": "ok", "x": "unreadable"}
    assert query(warehouse, "SELECT run_id, listing, known FROM listings ORDER BY 2") == [
        ("first", 1, 0), *((f"night {number}", number, 3) for number in range(2, 6))
    ]  # fmt: skip


def test_each_night_stays_what_it_was_while_the_folder_changes(warehouse, night):
    folder = Folder(warehouse, night)
    folder.images = {"a": "1", "b": "2", "c": "3"}
    folder.run("first")
    folder.images |= {"d": "4"}
    folder.run("second")
    assert fates(warehouse, "second") == {"a": "known", "b": "known", "c": "known", "d": "ok"}
    del folder.images["a"]
    folder.images["b"] = "5"  # other content
    folder.images["c"] = "4"  # a content that is known
    folder.broken = {"d": "the file is empty"}
    del folder.images["d"]
    folder.run("third")
    assert fates(warehouse, "third") == {"b": "ok", "c": "known", "d": "unreadable"}
    folder.broken = {"d": "the file ends early"}
    folder.images["a"] = "1"
    folder.run("fourth")
    assert fates(warehouse, "fourth") == {"a": "known", "b": "known", "c": "known", "d": "unreadable"}
    folder.broken = {}
    folder.images["d"] = "4"
    folder.run("fifth")
    assert fates(warehouse, "fifth") == dict.fromkeys("abcd", "known")
    for run_id, then in folder.nights.items():
        assert images_of(warehouse, run_id) == then, run_id
    reasons = {reason for (reason,) in query(warehouse, "SELECT reason FROM run_images WHERE outcome = 'unreadable'")}
    assert reasons == {"the file is empty", "the file ends early"}


def test_a_night_that_reprocesses_has_its_own_rows_and_leaves_the_series_alone(warehouse, night):
    folder = Folder(warehouse, night)
    folder.images = {"a": "1", "b": "2"}
    folder.broken = {"x": "the file is empty"}
    folder.run("first")
    folder.run("second")
    series = query(warehouse, SERIES)
    folder.run("again", reprocess=True)
    assert query(warehouse, SERIES) == series
    assert fates(warehouse, "again") == {"a": "ok", "b": "ok", "x": "unreadable"}
    folder.run("third")
    assert query(warehouse, SERIES) == series
    assert fates(warehouse, "third") == {"a": "known", "b": "known", "x": "unreadable"}
    assert query(warehouse, "SELECT run_id FROM listings ORDER BY listing") == [("first",), ("second",), ("third",)]
    for run_id, then in folder.nights.items():
        assert images_of(warehouse, run_id) == then, run_id


def test_each_model_and_each_source_has_a_series(warehouse, night):
    """The same folder in another spelling is the same source."""
    other = replace(VERSION, name="other")
    folder = Folder(warehouse, night)
    folder.images = {"a": "1"}
    folder.run("first")
    begin_run(warehouse, night("of another", model=VERSION.ref).spec, other)  # so that the model is there
    second = Folder(warehouse, night, model=other.ref)
    second.images = {"a": "1", "b": "2"}
    second.run("other first")
    elsewhere = Folder(warehouse, night, images="/elsewhere")
    elsewhere.images, elsewhere.seen = {"z": "1"}, {"1" * 64}
    elsewhere.run("elsewhere")
    folder.run("second", images="file:///photos/")
    second.run("other second")
    assert query(warehouse, "SELECT source, model, listings FROM series ORDER BY 1, 2") == [
        ("/elsewhere", VERSION.ref, 1), ("/photos", other.ref, 2), ("/photos", VERSION.ref, 2)
    ]  # fmt: skip
    assert [fates(warehouse, name) for name in ("second", "other second", "elsewhere")] == [
        {"a": "known"}, {"a": "known", "b": "known"}, {"z": "known"}
    ]  # fmt: skip


def test_a_catalogue_that_is_merged_again_is_a_listing_of_its_own(warehouse, night):
    folder = Folder(warehouse, night)
    folder.images = {"a": "1", "b": "2"}
    folder.run("first")
    run = folder.run("second", merged=False)
    later = folder.run("third", merged=False)
    del folder.images["b"]
    merge_catalogue(warehouse, run.spec, catalogue(folder.rows(False)[1]))
    assert fates(warehouse, "second") == {"a": "known"}
    assert fates(warehouse, later.spec.run_id) == {"a": "known", "b": "known"}
    assert query(warehouse, "SELECT run_id, listing FROM listings ORDER BY 2") == [
        ("first", 1), ("third", 3), ("second", 4)
    ]  # fmt: skip


def test_one_that_becomes_a_reprocessing_run_loses_its_listing(warehouse, night):
    folder = Folder(warehouse, night)
    folder.images = {"a": "1"}
    folder.broken = {"x": "the file is empty"}
    folder.run("first")
    run = folder.run("second")
    again = replace(run.spec, reprocess=True)
    merge_catalogue(warehouse, again, catalogue(folder.rows(True)[1]))
    assert fates(warehouse, "second") == {"x": "unreadable"}
    assert query(warehouse, "SELECT run_id FROM listings") == [("first",)]


def test_a_merge_foretells_no_more_than_what_it_inferred(warehouse, night):
    run = night("first")
    merge_catalogue(warehouse, run.spec, [])
    rows = [row("file:///a"), row("file:///b", "empty", 0), unreadable("file:///c")]
    chunk = run.chunk(0, rows)
    for _ in range(2):
        merge_chunk(warehouse, run.spec, chunk)
        assert query(warehouse, SERIES) == [
            ("file:///a", 2, STILL, "known"), ("file:///b", 2, STILL, "known")
        ]  # fmt: skip
    run.write(chunk, [rows[0] | {"sha256": "f" * 64}, unreadable("file:///b"), rows[2]])
    merge_chunk(warehouse, run.spec, chunk)
    assert query(warehouse, "SELECT uri, sha256 FROM standing_outcomes") == [("file:///a", "f" * 64)]
    assert fates(warehouse, "first") == {"a": "ok", "b": "unreadable", "c": "unreadable"}


def test_two_runs_that_infer_the_same_at_once_are_followed_by_one_that_knows_it(warehouse, night):
    """The second had asked what is known before the first was merged, and was catalogued after it."""
    one, two = night("one"), night("two")
    for run in (one, two):
        merge_catalogue(warehouse, run.spec, [])
    for run in (one, two):
        merge_chunk(warehouse, run.spec, run.chunk(0, [row("file:///a"), row("file:///b")]))
    three = night("three")
    merge_catalogue(warehouse, three.spec, [])  # it asked before both were merged
    assert fates(warehouse, "three") == {}
    merge_chunk(warehouse, three.spec, three.chunk(0, [row("file:///a"), row("file:///b")]))
    four = night("four")
    merge_catalogue(warehouse, four.spec, catalogue([row(f"file:///{name}", "known") for name in "ab"]))
    assert fates(warehouse, "four") == {"a": "known", "b": "known"}
    for run_id in ("one", "two", "three"):
        assert fates(warehouse, run_id) == {"a": "ok", "b": "ok"}


def test_an_own_row_stands_before_what_stands(warehouse, night):
    """A chunk of an earlier plan of the run that is merged late: no image is there twice."""
    first = night("first")
    merge_catalogue(warehouse, first.spec, catalogue([row("file:///a", "known"), unreadable("file:///b")]))
    merge_chunk(warehouse, first.spec, first.chunk(0, [row("file:///a"), row("file:///b")]))
    assert fates(warehouse, "first") == {"a": "ok", "b": "ok"}
    assert query(warehouse, "SELECT count(*) FROM run_predictions WHERE run_id = 'first'") == [(2,)]


def test_killed_while_it_lists_it_leaves_everything_as_it_was(warehouse, warehouse_dsn, night):
    folder = Folder(warehouse, night)
    folder.images = {"a": "1", "b": "2"}
    folder.run("first")
    run = folder.run("second")
    before = dump(warehouse)
    with closing(psycopg2.connect(warehouse_dsn)) as other:

        def breaking():
            yield from catalogue([row("file:///new", "known")])
            query(warehouse, "SELECT pg_terminate_backend(%s)", other.info.backend_pid)
            yield from catalogue([row("file:///newer", "known")])

        with pytest.raises(psycopg2.OperationalError):
            merge_catalogue(other, run.spec, breaking())
    assert dump(warehouse) == before
    merge_catalogue(warehouse, run.spec, catalogue([row("file:///new", "known")]))
    assert fates(warehouse, "second") == {"new": "known"}


def test_one_connection_catalogues_again_after_a_listing_that_broke_off(warehouse, night):
    run = night()

    def breaking():
        yield from catalogue([row("file:///a", "known")])
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        merge_catalogue(warehouse, run.spec, breaking())
    assert fates(warehouse, "a run") == {}
    merge_catalogue(warehouse, run.spec, catalogue([row("file:///b", "known")]))
    assert fates(warehouse, "a run") == {"b": "known"}


def test_the_connection_is_free_while_it_lists(warehouse, night):
    """The catalogue asks on the same connection what is known; nobody else waits meanwhile."""
    run = night()

    def asking():
        for each in catalogue([row(f"file:///{n}", "known") for n in range(9)]):
            with transaction(warehouse) as cur:
                cur.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
                assert cur.fetchall() == [(0,)]
            yield each

    merge_catalogue(warehouse, run.spec, asking())
    assert len(fates(warehouse, "a run")) == 9


def test_two_catalogues_of_one_series_at_once_are_two_listings(warehouse, warehouse_dsn, night):
    """Of other images each, over and over: each run has its own in the end, and every row stands once."""
    runs = [night(f"run {n}") for n in range(4)]
    failures = []

    def work(run, names):
        try:
            with closing(psycopg2.connect(warehouse_dsn)) as conn:
                for _ in range(5):
                    merge_catalogue(conn, run.spec, catalogue([row(f"file:///{name}", "known") for name in names]))
        except Exception as error:
            failures.append(error)

    lists = ["abc", "bcd", "cde", "xyz"]
    threads = [threading.Thread(target=work, args=each) for each in zip(runs, lists, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures
    for run, names in zip(runs, lists, strict=True):
        assert fates(warehouse, run.spec.run_id) == dict.fromkeys(names, "known")
    assert query(warehouse, "SELECT listings FROM series") == [(20,)]
    assert query(warehouse, "SELECT count(*), count(DISTINCT listing) FROM listings") == [(4, 4)]


def test_a_run_of_an_earlier_release_is_what_it_was(warehouse, night):
    """Its known images are rows of its own."""
    old = night("old")
    query(
        warehouse,
        "INSERT INTO outcomes (run_id, uri, outcome, detections) VALUES ('old', 'file:///a', 'known', 0),"
        " ('old', 'file:///x', 'unreadable', 0)",
    )
    folder = Folder(warehouse, night)
    folder.images, folder.seen = {"a": "1"}, {"1" * 64}
    folder.run("new")
    assert fates(warehouse, old.spec.run_id) == {"a": "known", "x": "unreadable"}
    assert query(warehouse, "SELECT images, known, unreadable FROM run_statistics ORDER BY run_id DESC") == [
        (2, 1, 1), (1, 1, 0)
    ]  # fmt: skip


@pytest.mark.parametrize(
    "news", [{"sha256": "f" * 64}, {"width": 7}, {"height": None}, {"task": 3}, {"frame": 4}, {"reason": "torn"}]
)
def test_anything_new_about_a_known_image_is_written_and_the_night_before_keeps_the_old(warehouse, night, news):
    before, after = row("file:///a", "known"), row("file:///a", "known") | news
    for name, known in (("first", before), ("second", before), ("third", after)):
        merge_catalogue(warehouse, night(name).spec, catalogue([known, row("file:///b", "known")]))
    (name,) = news
    assert query(warehouse, f"SELECT run_id, {name} FROM run_images WHERE uri = 'file:///a' ORDER BY 1") == [
        ("first", before[name]), ("second", before[name]), ("third", after[name])
    ]  # fmt: skip
    assert query(warehouse, SERIES) == [
        ("file:///a", 1, 3, "known"), ("file:///a", 3, STILL, "known"), ("file:///b", 1, STILL, "known")
    ]  # fmt: skip


def test_what_the_catalogue_cannot_read_has_no_current_draft_and_what_it_misses_keeps_it(warehouse, night):
    first, second = night("first"), night("second")
    merge_chunk(warehouse, first.spec, first.chunk(0, [row("file:///a"), row("file:///b")]))
    missing = row("file:///b", "missing", 0, sha256=None, etag="", size=0, reason="was deleted")
    merge_catalogue(warehouse, second.spec, catalogue([unreadable("file:///a"), missing]))
    assert query(warehouse, "SELECT uri, run_id FROM current_predictions") == [("file:///b", "first")]
    assert query(warehouse, "SELECT uri, etag FROM images WHERE uri = 'file:///b'") == [
        ("file:///b", "etag of file:///b")
    ]  # fmt: skip

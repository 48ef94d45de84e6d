"""One chunk's result into the warehouse: exactly, once, whatever happens."""

from __future__ import annotations

import math
import multiprocessing
import random
import threading
import time
from dataclasses import replace

import psycopg2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firstpass.contracts.thresholds import Thresholds
from firstpass.errors import FirstpassError
from firstpass.warehouse.catalogue_merge import merge_catalogue
from firstpass.warehouse.merge import fail_chunk, merge_chunk, merge_chunks
from firstpass.warehouse.runs import begin_run
from fixtures.made_up_runs import VERSION, Night, catalogue, dump, merge_all, query, row, unreadable


def clear(conn):
    with conn, conn.cursor() as cur:
        cur.execute("TRUNCATE images, outcomes, predictions, chunks, listings, standing_outcomes")


def photos(start: int, stop: int, **other) -> list[dict]:
    """As many detections as the number's last digit."""
    return [row(f"file:///{n:04d}.jpg", "ok" if n % 10 else "empty", n % 10) | other for n in range(start, stop)]


def test_a_merged_chunk_can_be_read_back(warehouse, night):
    run = night()
    rows = [row("file:///a.jpg", detections=2), row("file:///b.jpg", "empty", 0), unreadable("file:///c")]
    assert merge_chunk(warehouse, run.spec, run.chunk(0, rows)) == {
        "images": 3,
        "detections": 2,
        "drafts": 2,
        "ok": 1,
        "empty": 1,
        "unreadable": 1,
    }
    assert query(
        warehouse, "SELECT number, class_id, class, score, x1, y1, x2, y2, polygons FROM run_detections ORDER BY number"
    ) == [
        (1, 1, "cat", 0.875, 10.5, 20.25, 110.5, 220.25, None),
        (2, 2, "größe <b>", 0.859375, 11.5, 21.25, 111.5, 221.25, None),
    ]
    assert query(
        warehouse, "SELECT uri, outcome, detections, reason, brightness, chunk FROM run_images ORDER BY uri"
    ) == [
        ("file:///a.jpg", "ok", 2, None, 96.5, 0),
        ("file:///b.jpg", "empty", 0, None, 96.5, 0),
        ("file:///c", "unreadable", 0, "the file is empty", None, 0),
    ]
    assert query(warehouse, "SELECT state, images, detections, seconds, marker ->> 'rows' FROM chunks") == [
        ("merged", 3, 2, 1.5, "3")
    ]


def test_merging_again_changes_nothing(warehouse, night):
    run = night()
    chunk = run.chunk(0, [*photos(0, 30), unreadable("file:///broken")])
    merge_chunk(warehouse, run.spec, chunk)
    once = dump(warehouse)
    merge_chunk(warehouse, run.spec, chunk)
    assert dump(warehouse) == once


def test_a_chunk_that_was_done_again_leaves_nothing_stale(warehouse, night):
    run = night()
    chunk = run.chunk(0, [row("file:///a.jpg", detections=5), row("file:///b.jpg", detections=5)])
    merge_chunk(warehouse, run.spec, chunk)
    run.write(chunk, [row("file:///a.jpg", detections=2), unreadable("file:///b.jpg", "truncated")])
    merge_chunk(warehouse, run.spec, chunk)
    assert query(warehouse, "SELECT uri, detections FROM current_predictions") == [("file:///a.jpg", 2)]
    assert query(warehouse, "SELECT sum(detections) FROM run_images") == [(2,)]


def test_one_content_under_two_names_is_one_prediction(warehouse, night):
    run = night()
    same = {"sha256": "a" * 64}
    merge_chunk(warehouse, run.spec, run.chunk(0, [row("file:///a", **same), row("file:///b", **same)]))
    merge_chunk(warehouse, run.spec, run.chunk(1, [row("file:///c", **same)]))
    assert query(warehouse, "SELECT count(*) FROM predictions") == [(1,)]
    assert query(warehouse, "SELECT uri FROM run_predictions ORDER BY uri") == [
        ("file:///a",),
        ("file:///b",),
        ("file:///c",),
    ]


@pytest.mark.parametrize(
    "uri",
    [
        "file:///%FFnot%20utf-8.jpg",
        "s3://bucket/größe/图像 100%.jpg",
        "s3://bucket/{a,\"b\"}\\c\n\t'd'.jpg",
        "s3://bucket/NULL",
        "s3://bucket/" + "long" * 200,
    ],
)
def test_any_name_survives_twice(warehouse, night, uri):
    run = night()
    chunk = run.chunk(0, [row(uri), row("file:///other.jpg")])
    merge_chunk(warehouse, run.spec, chunk)
    merge_chunk(warehouse, run.spec, chunk)
    assert query(warehouse, "SELECT count(*) FROM run_predictions WHERE uri = %s", uri) == [(1,)]


def test_what_postgresql_cannot_hold_is_shown_as_such(warehouse, night):
    run = night()
    merge_chunk(warehouse, run.spec, run.chunk(0, [unreadable("file:///a", "bad marker \0 at byte 3")]))
    assert query(warehouse, "SELECT reason FROM run_images") == [("bad marker \N{REPLACEMENT CHARACTER} at byte 3",)]


def test_scores_that_are_no_numbers_are_kept_for_the_checks_to_see(warehouse, night):
    run = night()
    rows = [row("file:///a", detections=3, scores=[math.nan, math.inf, 0.1], x1=[math.nan, 0.0, -0.0])]
    merge_chunk(warehouse, run.spec, run.chunk(0, rows))
    assert query(warehouse, "SELECT score::text, x1::text FROM all_detections ORDER BY number") == [
        ("NaN", "NaN"),
        ("Infinity", "0"),
        ("0.1", "-0"),
    ]


def test_polygons_keep_their_parts_and_digits(warehouse, night):
    hole = [1, 1, 2, 1, 2, 2, 1, 2]
    parts = [[[[0.1, 2.0, 33.333332, 4.0, 5.5, 6.0], hole], [hole]], [], [[[math.nan, 1, 2, 3, 4, 5]]]]
    rows = [
        row("file:///masks", detections=3, polygons=parts),
        row("file:///none", "empty", 0, polygons=[]),
        row("file:///boxes", detections=2),
    ]
    run = night()
    merge_chunk(warehouse, run.spec, run.chunk(0, rows))
    found = dict(query(warehouse, "SELECT uri, polygons FROM run_predictions"))
    assert found["file:///masks"] == [parts[0], [], [[[None, 1, 2, 3, 4, 5]]]]
    assert found["file:///none"] == []
    assert found["file:///boxes"] is None
    assert query(warehouse, "SELECT polygons FROM run_detections WHERE uri = 'file:///masks' AND number = 2") == [([],)]


def test_a_huge_image_of_detections_survives(warehouse, night):
    run = night()
    merge_chunk(warehouse, run.spec, run.chunk(0, [row("file:///crowd", detections=50_000, scores=[0.5] * 50_000)]))
    assert query(warehouse, "SELECT count(*), min(score), max(x2) FROM all_detections") == [(50_000, 0.5, 50109.5)]


def test_a_result_that_is_not_the_chunk_s_own_leaves_nothing_behind(warehouse, night):
    run = night("the run")
    earlier = run.chunk(3, photos(0, 3))
    chunk = run.chunk(3, photos(0, 4), write=False)
    assert earlier.output_uri == chunk.output_uri
    with pytest.raises(FirstpassError, match=r"chunk 3 of run the run: .* earlier plan"):
        merge_chunk(warehouse, run.spec, chunk)
    assert all(not rows for rows in dump(warehouse).values())


class TestTheCurrentDraft:
    """Of each image: what the newest run that saw it predicts."""

    def test_is_the_newest_runs(self, warehouse, night):
        first, second = night("first", floor=0.25), night("second")
        merge_chunk(warehouse, first.spec, first.chunk(0, [row("file:///a", detections=9)]))
        merge_chunk(warehouse, second.spec, second.chunk(0, [row("file:///a", detections=2)]))
        assert query(warehouse, "SELECT detections, floor FROM current_predictions") == [(2, 0.15)]
        assert query(warehouse, "SELECT count(*) FROM current_detections WHERE uri = 'file:///a'") == [(2,)]
        assert query(warehouse, "SELECT run_id, inferred_by FROM run_predictions ORDER BY 1") == [
            ("first", "second"),
            ("second", "second"),
        ]

    def test_has_the_thresholds_of_the_newest_run(self, warehouse, night):
        first, second = night("first"), night("second", thresholds=Thresholds(0.87, {2: 0.85}))
        found = row("file:///a", detections=3, scores=[0.875, 0.86, 0.2], class_ids=[1, 2, 1])
        merge_chunk(warehouse, first.spec, first.chunk(0, [found]))
        shown = "SELECT number, shown FROM {} ORDER BY number"
        assert query(warehouse, shown.format("current_detections")) == [(1, True), (2, True), (3, False)]
        merge_chunk(warehouse, second.spec, second.chunk(0, [found | {"class_ids": [2, 1, 1]}]))
        assert query(warehouse, shown.format("current_detections")) == [(1, True), (2, False), (3, False)]
        assert query(warehouse, shown.format("current_drafts")) == [(1, True)]
        assert query(warehouse, "SELECT run_id, count(*) FROM run_drafts GROUP BY 1 ORDER BY 1") == [
            ("first", 2),
            ("second", 1),
        ]

    def test_of_a_known_image_too(self, warehouse, night):
        first, second = night("first"), night("second", thresholds=Thresholds(0.87))
        found = row("file:///a", detections=2)
        merge_chunk(warehouse, first.spec, first.chunk(0, [found]))
        merge_catalogue(warehouse, second.spec, catalogue([found | {"outcome": "known"}]))
        assert query(warehouse, "SELECT run_id, number FROM current_drafts") == [("second", 1)]

    def test_is_not_taken_back_by_an_older_run_that_is_merged_late(self, warehouse, night):
        first, second = night("first"), night("second")
        merge_chunk(warehouse, second.spec, second.chunk(0, [row("file:///a", detections=2)]))
        merge_chunk(warehouse, first.spec, first.chunk(0, [row("file:///a", detections=9), row("file:///b")]))
        assert query(warehouse, "SELECT uri, run_id FROM current_predictions ORDER BY uri") == [
            ("file:///a", "second"),
            ("file:///b", "first"),
        ]

    def test_is_gone_with_content_that_cannot_be_read(self, warehouse, night):
        first, second = night("first"), night("second")
        merge_chunk(warehouse, first.spec, first.chunk(0, [row("file:///a"), row("file:///b")]))
        merge_chunk(warehouse, second.spec, second.chunk(0, [unreadable("file:///a") | {"sha256": "b" * 64}]))
        assert query(warehouse, "SELECT uri FROM current_predictions") == [("file:///b",)]

    def test_stays_when_the_image_is_missing_or_its_chunk_fails(self, warehouse, night):
        first, second = night("first"), night("second")
        merge_chunk(warehouse, first.spec, first.chunk(0, [row("file:///a"), row("file:///b")]))
        gone = row("file:///a", "missing", 0, sha256=None, width=None, height=None, reason="was deleted")
        merge_chunk(warehouse, second.spec, second.chunk(0, [gone]))
        fail_chunk(warehouse, second.spec, second.chunk(1, [row("file:///b")], write=False), "out of memory")
        assert query(warehouse, "SELECT uri, run_id FROM current_predictions ORDER BY uri") == [
            ("file:///a", "first"),
            ("file:///b", "first"),
        ]


@pytest.mark.parametrize("change", [{"etag": "later"}, {"size": 99}, {"sha256": "f" * 64}, {}])
def test_where_an_image_was_seen_is_renewed_when_anything_about_it_is_new(warehouse, night, change):
    first, second = night("first"), night("second")
    merge_chunk(warehouse, first.spec, first.chunk(0, [row("file:///a")]))
    merge_chunk(warehouse, second.spec, second.chunk(0, [row("file:///a", **change)]))
    assert query(warehouse, "SELECT run_id FROM images") == [("second" if change else "first",)]


@pytest.mark.parametrize(
    ("floor", "reprocess", "stays"), [(0.15, False, False), (0.2, False, True), (0.1, False, False), (0.2, True, False)]
)
def test_a_prediction_that_reaches_further_down_stays_unless_it_is_made_again(
    warehouse, night, floor, reprocess, stays
):
    first, second = night("first"), night("second", floor=floor, reprocess=reprocess)
    merge_chunk(warehouse, first.spec, first.chunk(0, [row("file:///a", detections=3)]))
    merge_chunk(warehouse, second.spec, second.chunk(0, [row("file:///a", detections=2)]))
    assert query(warehouse, "SELECT run_id, cardinality(scores), floor::text FROM predictions") == (
        [("first", 3, "0.15")] if stays else [("second", 2, str(floor))]
    )


def test_another_model_is_news_too(warehouse, night):
    first = night("first")
    merge_chunk(warehouse, first.spec, first.chunk(0, [row("file:///a")]))
    version = replace(VERSION, name="other", version="1")
    third = Night(replace(first.spec, run_id="third", model=version.ref, started_at="2026-03-01T00:00:00+00:00"))
    begin_run(warehouse, third.spec, version)
    merge_chunk(warehouse, third.spec, third.chunk(0, [row("file:///a")]))
    assert query(warehouse, "SELECT run_id, model FROM images") == [("third", "other@1")]
    assert query(warehouse, "SELECT model, count(*) FROM predictions GROUP BY 1 ORDER BY 1") == [
        ("other@1", 1), ("toy@0123456789ab", 1)
    ]  # fmt: skip


IMAGES = st.lists(
    st.tuples(st.sampled_from(["ok", "empty", "unreadable", "missing"]), st.integers(0, 4), st.integers(0, 3)),
    max_size=12,
)


@given(images=IMAGES, chance=st.randoms(use_true_random=False))
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_chunks_in_any_order_and_any_of_them_again_leave_the_same_rows(warehouse, night, images, chance):
    """And images in = outcomes out. Some contents stand under several names, in one chunk or in several."""
    clear(warehouse)
    query(warehouse, "DELETE FROM runs")
    run, chunks = night(), [[] for _ in range(4)]
    for number, (outcome, content, chunk) in enumerate(images):
        read = {"sha256": str(content) * 64} if outcome in ("ok", "empty") else {"sha256": None, "width": None}
        outcome = outcome if outcome not in ("ok", "empty") else "ok" if content else "empty"
        chunks[chunk].append(row(f"file:///{number}", outcome, content if outcome == "ok" else 0, **read))
    made = [run.chunk(index, rows) for index, rows in enumerate(chunks)]
    decided = [unreadable("file:///torn"), row("file:///known", "known", sha256="1" * 64)]

    def rows(order) -> dict:
        clear(warehouse)
        merge_catalogue(warehouse, run.spec, catalogue(decided))
        for each in order:
            merge_chunk(warehouse, run.spec, each)
        found = dump(warehouse)
        of_any_chunk = [each[:5] + each[6:] for each in found["detections"]]  # whichever wrote a common content
        return found | {"detections": of_any_chunk}

    once = rows(made)
    assert [uri for _, uri, *_ in once["outcomes"]] == sorted(
        [each["uri"] for chunk in chunks for each in chunk] + [each["uri"] for each in decided]
    )
    again = made + chance.sample(made, 2)
    chance.shuffle(again)
    assert rows(again) == once


def test_a_bad_chunk_among_others_gives_its_error_and_stops_none(warehouse, night):
    run = night()
    chunks = [run.chunk(n, photos(n * 10, n * 10 + 10), write=n != 1) for n in range(3)]
    merged = list(merge_chunks(warehouse, run.spec, iter(chunks)))
    assert [chunk for chunk, _ in merged] == chunks
    assert [counts["images"] for _, counts in merged[::2]] == [10, 10]
    assert "chunk 1 of run a run: it did not finish" in str(merged[1][1])
    assert query(warehouse, "SELECT chunk, count(*) FROM run_images GROUP BY 1 ORDER BY 1") == [(0, 10), (2, 10)]
    assert list(merge_chunks(warehouse, run.spec, [])) == []


def test_a_failed_chunk_is_accounted_for_and_may_still_come(warehouse, night):
    run = night()
    chunk = run.chunk(0, photos(0, 3), write=False)
    for _ in range(2):
        fail_chunk(warehouse, run.spec, chunk, "killed\0by the node")
    assert query(warehouse, "SELECT outcome, count(*) FROM run_images GROUP BY 1") == [("failed", 3)]
    assert query(warehouse, "SELECT state, reason FROM chunks") == [("failed", "killed by the node")]
    run.write(chunk, photos(0, 3))
    merge_chunk(warehouse, run.spec, chunk)
    assert query(warehouse, "SELECT outcome, count(*) FROM run_images GROUP BY 1 ORDER BY 1") == [
        ("empty", 1),
        ("ok", 2),
    ]
    assert query(warehouse, "SELECT state, reason FROM chunks") == [("merged", None)]


def test_what_is_known_of_the_images_of_a_failed_chunk_is_kept(warehouse, night):
    run = night()
    chunk = run.chunk(2, photos(0, 1), write=False)
    read = replace(chunk.images[0], sha256="a" * 64, width=64, height=48, task=3, frame=7)
    fail_chunk(warehouse, run.spec, replace(chunk, images=(read,)), "out of memory")
    assert query(warehouse, "SELECT chunk, detections, sha256, width, height, task, frame, reason FROM run_images") == [
        (2, 0, "a" * 64, 64, 48, 3, 7, "out of memory")
    ]


def test_a_chunk_that_fails_after_it_was_merged_says_no_more_what_it_found(warehouse, night):
    run = night()
    chunk = run.chunk(0, photos(0, 3))
    merge_chunk(warehouse, run.spec, chunk)
    fail_chunk(warehouse, run.spec, replace(chunk, images=chunk.images[:2]), "killed")
    state = "state, images, detections, seconds, marker, reason"
    assert query(warehouse, f"SELECT {state} FROM chunks") == [("failed", 2, None, None, None, "killed")]


def test_a_chunk_that_comes_after_all_is_the_newest(warehouse, night):
    run = night()
    first, second = run.chunk(0, photos(0, 2)), run.chunk(1, photos(2, 5))
    fail_chunk(warehouse, run.spec, first, "killed")
    merge_chunk(warehouse, run.spec, second)
    merge_chunk(warehouse, run.spec, first)
    state = "chunk, state, images, detections, seconds, marker ->> 'rows'"
    assert query(warehouse, f"SELECT {state} FROM chunks ORDER BY changed_at DESC") == [
        (0, "merged", 2, 1, 1.5, "2"),
        (1, "merged", 3, 9, 1.5, "3"),
    ]
    run.write(second, photos(2, 5, outcome="empty", class_ids=[], scores=[], x1=[], y1=[], x2=[], y2=[]))
    merge_chunk(warehouse, run.spec, second)
    fail_chunk(warehouse, run.spec, first, "killed again")
    assert query(warehouse, "SELECT chunk, detections FROM chunks ORDER BY changed_at DESC") == [(0, None), (1, 0)]


def test_a_chunk_of_no_images_has_counts_too(warehouse, night):
    run = night()
    assert merge_chunk(warehouse, run.spec, run.chunk(0, [])) == {"images": 0, "detections": 0, "drafts": 0}


def test_a_lost_connection_is_worth_another_try(warehouse, warehouse_dsn, night):
    run = night()
    chunk = run.chunk(0, photos(0, 10))
    other = psycopg2.connect(warehouse_dsn)
    query(warehouse, "SELECT pg_terminate_backend(%s)", other.info.backend_pid)
    with pytest.raises(psycopg2.OperationalError):
        merge_chunk(other, run.spec, chunk)
    assert query(warehouse, "SELECT count(*) FROM run_images") == [(0,)]
    merge_chunk(warehouse, run.spec, chunk)
    assert query(warehouse, "SELECT count(*) FROM run_images") == [(10,)]


def test_killed_anywhere_the_rows_are_the_same_in_the_end(warehouse, warehouse_dsn, night):
    """A merging process is killed at random moments, again and again; the last one is left to finish."""
    first, run = night("first"), night()
    rows = [[*photos(n * 50, n * 50 + 50), unreadable(f"file:///broken{n}")] for n in range(6)]
    chunks = [run.chunk(n, each) for n, each in enumerate(rows)]
    known = catalogue([row("file:///known", "known"), unreadable("file:///bad")])

    def from_the_start():
        clear(warehouse)
        merge_chunk(warehouse, first.spec, first.chunk(9, photos(40, 60)))  # so that some rows are there before

    from_the_start()
    started = time.monotonic()
    merge_all(warehouse_dsn, run.spec, known, chunks)
    whole = time.monotonic() - started
    expected = dump(warehouse)
    from_the_start()

    context = multiprocessing.get_context("fork")
    chance = random.Random(7)
    kills = 0
    for _ in range(12):
        begun = context.Event()
        process = context.Process(target=merge_all, args=(warehouse_dsn, run.spec, known, chunks, begun))
        process.start()
        assert begun.wait(30)
        time.sleep(chance.uniform(0, whole))
        process.kill()
        process.join()
        kills += process.exitcode == -9
        for chunk, count in query(warehouse, "SELECT chunk, count(*) FROM run_images WHERE chunk < 6 GROUP BY chunk"):
            assert count == len(rows[chunk]), "a chunk is in whole or not at all"
    assert kills >= 3
    merge_all(warehouse_dsn, run.spec, known, chunks)
    assert dump(warehouse) == expected


def test_two_runs_over_the_same_images_at_once(warehouse, warehouse_dsn, night):
    """They go through them in opposite order, over and over, and neither waits for ever nor writes anything twice."""
    one, two = night("one"), night("two")
    sizes = [one.chunk(n, photos(n * 20, n * 20 + 20)) for n in range(8)]
    others = [two.chunk(n, photos(n * 20, n * 20 + 20)) for n in range(8)]
    failures = []

    def work(run, chunks):
        try:
            for _ in range(3):
                merge_all(warehouse_dsn, run.spec, catalogue([]), chunks)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=args) for args in ((one, sizes), (two, others[::-1]))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not failures
    assert query(warehouse, "SELECT count(*) FROM images") == [(160,)]
    assert query(warehouse, "SELECT count(*) FROM predictions") == [(160,)]
    assert query(warehouse, "SELECT run_id, count(*), sum(detections) FROM run_images GROUP BY 1 ORDER BY 1") == [
        ("one", 160, 720),
        ("two", 160, 720),
    ]

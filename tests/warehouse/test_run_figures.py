"""A run in figures, as its report asks for them."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from firstpass import storage
from firstpass.contracts.thresholds import Thresholds
from firstpass.warehouse.catalogue_merge import merge_catalogue
from firstpass.warehouse.merge import fail_chunk, merge_chunk
from firstpass.warehouse.run_failures import record_request
from firstpass.warehouse.run_figures import SCORE_BINS, ClassCount, chunk_rows, class_counts, figures, run_before
from firstpass.warehouse.runs import begin_run, record_plan
from fixtures.made_up_runs import VERSION, Night, catalogue, query, row, unreadable


def bins(**counts: int) -> list[int]:
    """`bins(b3=2)`: two drafts in the fourth bin."""
    return [counts.get(f"b{n}", 0) for n in range(SCORE_BINS)]


class TestClassCounts:
    """Drafts by class and score, the most frequent class first."""

    def test_a_score_falls_into_its_twentieth(self, warehouse, night):
        scores = [1.0, 0.95, 0.94, 0.5, 0.49, 0.05, 0.04, 0.0]
        run = night(thresholds=Thresholds(0.0), floor=0.0)
        rows = [row("file:///a", detections=len(scores), class_ids=[1] * len(scores), scores=scores)]
        merge_chunk(warehouse, run.spec, run.chunk(0, rows))
        (cat,) = class_counts(warehouse, "a run", ["ok"])
        assert cat == ClassCount("cat", 8, bins(b0=2, b1=1, b9=1, b10=1, b18=1, b19=2))

    def test_a_score_that_is_no_number_is_none(self, warehouse, night):
        run = night()
        merge_chunk(warehouse, run.spec, run.chunk(0, [row("file:///a", detections=2, scores=[math.nan, 0.5])]))
        (cat,) = class_counts(warehouse, "a run", ["ok"])
        assert (cat.name, cat.bins) == ("größe <b>", bins(b10=1))

    def test_only_drafts_count(self, warehouse, night):
        run = night(thresholds=Thresholds(0.3, {2: 0.5}))
        rows = [row("file:///a", detections=4, class_ids=[1, 1, 2, 2], scores=[0.31, 0.29, 0.5, 0.49])]
        merge_chunk(warehouse, run.spec, run.chunk(0, rows))
        found = {each.name: each.bins for each in class_counts(warehouse, "a run", ["ok"])}
        assert found == {"cat": bins(b6=1), "größe <b>": bins(b10=1)}

    def test_the_most_frequent_class_comes_first_then_the_name_decides(self, warehouse, night):
        run = night()
        ids = [5, 1, 2, 99, 99, 99, 2]
        merge_chunk(warehouse, run.spec, run.chunk(0, [row("file:///a", detections=7, class_ids=ids)]))
        found = class_counts(warehouse, "a run", ["ok"])
        assert [(each.name, each.count) for each in found] == [
            ("class 99", 3), ("größe <b>", 2), ("cat", 1), ("dog", 1)
        ]  # fmt: skip

    def test_only_images_of_these_outcomes_count(self, warehouse, night):
        earlier, run = night("earlier"), night()
        merge_chunk(warehouse, earlier.spec, earlier.chunk(0, [row("file:///known")]))
        merge_catalogue(warehouse, run.spec, catalogue([row("file:///known", "known")]))
        merge_chunk(warehouse, run.spec, run.chunk(0, [row("file:///new", detections=2, class_ids=[1, 1])]))
        assert [each.count for each in class_counts(warehouse, "a run", ["ok"])] == [2]
        assert [each.count for each in class_counts(warehouse, "a run", ["known"])] == [1]
        assert [each.count for each in class_counts(warehouse, "a run", ["ok", "known"])] == [3]
        assert class_counts(warehouse, "a run", ["empty"]) == []


def test_a_night_in_figures(warehouse, night):
    run = night(images="/night", thresholds=Thresholds(0.35))
    copies = [row("file:///copy", "duplicate"), row("file:///known", "known")]
    merge_catalogue(warehouse, run.spec, catalogue([unreadable("file:///torn"), *copies]))
    rows = [row("file:///a", detections=3), row("file:///b", detections=2), row("file:///c", "empty", 0)]
    merge_chunk(warehouse, run.spec, run.chunk(0, [*rows, row("file:///gone", "missing", 0, sha256=None)]))
    merge_chunk(warehouse, run.spec, run.chunk(1, [row("file:///d"), unreadable("file:///e")]))
    fail_chunk(warehouse, run.spec, run.chunk(2, [row("file:///f")], write=False), "killed")
    found = figures(warehouse, "a run")
    assert found.pop("started_at").isoformat() == run.spec.started_at
    assert found == {
        "run_id": "a run",
        "model": VERSION.ref,
        "threshold": 0.35,
        "inferred": 4,
        "drafts": 6,
        "empty": 1,
        "images": 10,
        "unreadable": 3,
        "images_per_second": 2.0,
    }


def test_a_night_without_news_has_figures_too(warehouse, night):
    night()
    found = figures(warehouse, "a run")
    assert [found[name] for name in ("inferred", "drafts", "empty", "images", "unreadable")] == [0] * 5
    assert found["images_per_second"] is None


def test_chunks_that_took_no_time_have_no_rate(warehouse, night):
    run = night()
    chunk = run.chunk(0, [row("file:///a")])
    storage.write(chunk.done_uri, json.dumps(json.loads(storage.read(chunk.done_uri)) | {"seconds": 0}).encode())
    merge_chunk(warehouse, run.spec, chunk)
    assert figures(warehouse, "a run")["images_per_second"] is None


class TestTheRunBefore:
    """The last one before this over the same source with the same model that inferred anything."""

    def test_is_the_newest_of_the_older_ones(self, warehouse, night):
        for name in ("first", "second", "third"):
            run = night(name)
            merge_chunk(warehouse, run.spec, run.chunk(0, [row("file:///a")]))
        assert [run_before(warehouse, name) for name in ("third", "second", "first")] == ["second", "first", None]

    @pytest.mark.parametrize("what", ["nothing new", "a chunk without images", "a chunk that failed", "a plan"])
    def test_is_none_that_inferred_nothing(self, warehouse, night, what):
        first = night("first")
        merge_chunk(warehouse, first.spec, first.chunk(0, [row("file:///a")]))
        idle = night("idle")
        if what == "nothing new":
            merge_catalogue(warehouse, idle.spec, catalogue([row("file:///a", "known")]))
        elif what == "a chunk without images":
            merge_chunk(warehouse, idle.spec, idle.chunk(0, []))
        elif what == "a chunk that failed":
            fail_chunk(warehouse, idle.spec, idle.chunk(0, [row("file:///a")], write=False), "killed")
        else:
            record_plan(warehouse, "idle", 1)
        night("last")
        assert run_before(warehouse, "last") == "first"

    @pytest.fixture
    def inferred(self, warehouse, night):
        """`inferred("id", …)`: a run that inferred an image."""

        def run(name: str, version=VERSION, **other) -> None:
            spec = night(name, **other).spec
            begin_run(warehouse, replace(spec, model=version.ref), version)
            run = Night(replace(spec, model=version.ref))
            merge_chunk(warehouse, run.spec, run.chunk(0, [row("file:///a")]))

        return run

    def test_is_over_the_same_source_however_that_is_spelt(self, warehouse, inferred):
        inferred("first", images="/photos/")
        inferred("elsewhere", images="/photos/b")
        inferred("last", images="file:///photos")
        assert run_before(warehouse, "last") == "first"

    def test_is_of_any_version_of_the_same_model_and_of_no_other(self, warehouse, inferred):
        inferred("older version")
        inferred("other model", replace(VERSION, name="toy2"))
        inferred("newer version", replace(VERSION, version="f" * 12))
        assert run_before(warehouse, "newer version") == "older version"

    def test_is_none_that_failed_before_it_had_a_model(self, warehouse, inferred):
        inferred("first")
        record_request(warehouse, "failed", "/photos", "toy", {})
        inferred("last", started_at="2126-01-01T00:00:00+00:00")
        assert run_before(warehouse, "last") == "first"

    def test_started_before_it(self, warehouse, night):
        twin = night("twin", started_at="2026-02-02T02:00:00+00:00")
        merge_chunk(warehouse, twin.spec, twin.chunk(0, [row("file:///a")]))
        night("this", started_at="2026-02-02T02:00:00+00:00")
        assert run_before(warehouse, "this") is None


def test_chunks_come_in_their_order(warehouse, night):
    run, other = night(), night("other")
    merge_chunk(warehouse, other.spec, other.chunk(0, [row("file:///a")]))
    record_plan(warehouse, "a run", 11)
    for index in (10, 2):
        merge_chunk(warehouse, run.spec, run.chunk(index, [row(f"file:///{index}")]))
    fail_chunk(warehouse, run.spec, run.chunk(3, [row("file:///f")], write=False), "killed")
    query(warehouse, "SET enable_indexscan = off")  # which would give them in order anyhow
    found = chunk_rows(warehouse, "a run")
    assert [each["chunk"] for each in found] == list(range(11))
    assert [each["state"] for each in found[1:5]] == ["planned", "merged", "failed", "planned"]
    assert (found[2]["images"], found[2]["seconds"], found[2]["marker"]["rows"]) == (1, 1.5, 1)
    assert (found[3]["images"], found[3]["reason"], found[3]["marker"]) == (1, "killed", None)

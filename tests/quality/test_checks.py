"""The checks say which expectation broke, about which image, and nothing else."""

from __future__ import annotations

import json
import logging
import math
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from threading import Event
from urllib.parse import quote

import pytest
from psycopg2.extensions import make_dsn

from firstpass.contracts.class_table import ClassTable, ModelClass
from firstpass.contracts.thresholds import Thresholds
from firstpass.contracts.verdict import CheckState, QualityVerdict
from firstpass.outages import outage
from firstpass.quality import checks
from firstpass.quality.checks import check_run
from firstpass.quality.drift import store_profile
from firstpass.quality.suites import Expectation, suites
from firstpass.refusals import missing_right
from firstpass.settings import settings
from firstpass.warehouse.connection import connect
from firstpass.warehouse.verdicts import load_verdict as load
from fixtures.made_up_runs import VERSION, query, row, unreadable


def broken(verdict) -> set[str]:
    return {result.expectation for result in verdict.failures}


def test_a_good_run_passes_and_is_remembered(finished_run, warehouse):
    spec = finished_run([row(f"file:///photos/{n}.jpg", detections=2) for n in range(4)])
    verdict = check_run(spec.run_id)
    assert verdict.state == "passed", verdict.failures
    assert load(warehouse, spec.run_id).state == "passed"
    assert len(load(warehouse, spec.run_id).results) == len(verdict.results)


# Image → what is odd about its one detection, and the expectations that say so. A box may stick out by a hundredth.
ODD = {
    "beyond the right edge.jpg": ({"x2": [640.02]}, {"box_outside_image"}),
    "beyond the lower edge.jpg": ({"y2": [480.02]}, {"box_outside_image"}),
    "left of the edge.jpg": ({"x1": [-0.02]}, {"box_outside_image"}),
    "above the edge.jpg": ({"y1": [-0.02]}, {"box_outside_image"}),
    "all of it.jpg": ({"x1": [-0.01], "y1": [-0.01], "x2": [640.009], "y2": [480.009]}, set()),
    "no width.jpg": ({"x1": [110.5]}, {"box_without_area"}),
    "no height.jpg": ({"y1": [220.25]}, {"box_without_area"}),
    "no top.jpg": ({"y1": [math.nan]}, {"box_without_area"}),
    "too sure.jpg": ({"scores": [1.001]}, {"score_outside_range"}),
    "no score.jpg": ({"scores": [math.nan]}, {"score_outside_range"}),
    "below zero.jpg": ({"scores": [-0.001]}, {"score_outside_range", "score_below_floor"}),
    "certain.jpg": ({"scores": [1.0]}, set()),
    "too unsure.jpg": ({"scores": [0.1499]}, {"score_below_floor"}),
    "just sure enough to be stored.jpg": ({"scores": [0.15]}, set()),
    "just sure enough to be a draft.jpg": ({"scores": [0.3]}, set()),
    "strange class.jpg": ({"class_ids": [77]}, {"class_not_in_table"}),
    "fine.jpg": ({}, set()),
}


def test_a_detection_that_cannot_be_right_fails_the_run_and_names_the_image(finished_run):
    rows = [row(f"file:///photos/{quote(name)}", **odd) for name, (odd, _) in ODD.items()]
    verdict = check_run(finished_run([*rows, row("file:///empty.jpg", "empty", 0)]).run_id)
    assert verdict.state == "failed"
    for result in verdict.results:
        if result.suite == "detections":
            guilty = {name for name, (_, expected) in ODD.items() if result.expectation in expected}
            count, _, names = result.observed.partition(": ")
            if result.severity == "warning":
                assert result.state is not CheckState.FAILS
                continue
            assert count == f"{len(guilty)} of {len(ODD)} images"
            assert set(filter(None, names.split(", "))) == guilty, result.expectation
            assert result.state is (CheckState.FAILS if guilty else CheckState.HOLDS)
            assert result.value == len(guilty)


def test_of_one_detection_that_is_wrong_among_others_the_image_is_guilty(finished_run, only):
    only("detections")
    wrong = {
        "x1": [10.5, 10.5, 10.5, 110.5],
        "x2": [110.5, 900.0, 110.5, 110.5],
        "scores": [0.9, 1.5, 0.1, 0.8],
        "class_ids": [1, 2, 77, 5],
    }
    verdict = check_run(finished_run([row("file:///a.jpg", detections=4, **wrong), row("file:///b.jpg")]).run_id)
    assert broken(verdict) == {
        *("box_outside_image", "box_without_area", "score_outside_range", "score_below_floor"),
        "class_not_in_table",
    }
    assert {r.observed for r in verdict.failures} == {"1 of 2 images: a.jpg"}


@pytest.mark.parametrize(("wrong", "more"), [(5, False), (6, True)])
def test_five_names_are_shown_and_whether_there_are_more(finished_run, wrong, more, only):
    only("detections")
    verdict = check_run(finished_run([row(f"file:///photos/{n}.jpg", x2=[900.0]) for n in range(wrong)]).run_id)
    (result,) = verdict.failures
    count, _, names = result.observed.partition(": ")
    assert count == f"{wrong} of {wrong} images"
    assert (names.count(".jpg"), names.endswith(", …")) == (5, more)


def test_the_floor_is_that_with_which_the_image_was_inferred_whatever_the_thresholds(finished_run, warehouse, only):
    only("detections")
    rows = [
        row("file:///a.jpg", scores=[0.15]),
        row("file:///b.jpg", scores=[0.1499]),
        row("file:///c.jpg", class_ids=[2], scores=[0.2]),
        row("file:///d.jpg", class_ids=[5], scores=[0.5]),
    ]
    spec = finished_run(rows, thresholds=Thresholds(0.3, {1: 0.15, 5: 0.6}))
    (result,) = check_run(spec.run_id).failures
    assert (result.expectation, result.severity) == ("score_below_floor", "critical")
    assert result.observed == "1 of 4 images: b.jpg"
    query(warehouse, "UPDATE predictions SET floor = 0.25")
    (result,) = check_run(spec.run_id).failures
    assert set(result.observed.partition(": ")[2].split(", ")) == {"a.jpg", "b.jpg", "c.jpg"}


def test_what_is_no_draft_is_right_or_wrong_all_the_same(finished_run, only):
    only("detections")
    spec = finished_run([row("file:///a.jpg", scores=[0.2], x2=[900.0]), row("file:///b.jpg", scores=[0.2])])
    (result,) = check_run(spec.run_id).failures
    assert (result.expectation, result.observed) == ("box_outside_image", "1 of 2 images: a.jpg")


@pytest.mark.parametrize(
    ("scores", "classes", "guilty"),
    [
        ([0.9, 0.3], [1, 1], {"boxes_overlap", "too_many_boxes"}),
        ([0.9, 0.2999], [1, 1], set()),
        ([0.3, 0.2, 0.2], [1, 1, 1], set()),
        ([0.9, 0.6], [5, 5], {"boxes_overlap", "too_many_boxes"}),
        ([0.9, 0.5999], [5, 5], set()),
        ([0.9, 0.3], [5, 1], {"too_many_boxes"}),
    ],
)
def test_crowds_and_overlaps_are_sought_among_drafts(finished_run, monkeypatch, only, scores, classes, guilty):
    """What nobody is shown bothers nobody. Class 5 has a threshold of its own."""
    only("detections")
    n = len(scores)
    found = {"scores": scores} | boxes(*n * [(10.0, 10.0, 20.0, 20.0)], classes=classes)
    spec = finished_run([row("file:///a.jpg", **found)], thresholds=Thresholds(0.3, {5: 0.6}))
    monkeypatch.setenv("FIRSTPASS_CHECK_BOXES", "1")
    settings.cache_clear()
    assert broken(check_run(spec.run_id)) == guilty


def test_an_image_without_a_draft_is_empty_whatever_was_stored(finished_run, only):
    only("run")
    spec = finished_run([row("file:///a.jpg", scores=[0.2999]), row("file:///b.jpg", scores=[0.3])])
    assert rates(check_run(spec.run_id))["empty_rate"] == 0.5


def boxes(*places: tuple[float, float, float, float], classes=None) -> dict:
    axes = zip(*places, strict=True)
    return {"detections": len(places), "class_ids": classes or [1] * len(places)} | dict(
        zip(("x1", "y1", "x2", "y2"), map(list, axes), strict=True)
    )


# Image → boxes, and whether two of one class lie on the same object; at a limit of one half.
OVERLAPS = {
    "third of three.jpg": (boxes((50, 50, 60, 60), (10, 10, 20, 20), (10, 10, 20, 21)), True),
    "other classes.jpg": (boxes((10, 10, 20, 20), (10, 10, 20, 20), classes=[1, 5]), False),
    "exactly half.jpg": (boxes((0, 0, 2, 1), (0, 0, 1, 1)), False),
    "more than half.jpg": (boxes((0, 0, 2, 1), (0, 0, 1.0625, 1)), True),
    "half of the width and the height.jpg": (boxes((0, 0, 20, 20), (10, 10, 30, 30)), False),
    "half on the left.jpg": (boxes((0, 0, 30, 10), (12, 0, 42, 10)), False),
    "half below.jpg": (boxes((0, 0, 10, 30), (0, 12, 10, 42)), False),
    "beside.jpg": (boxes((0, 0, 1, 1), (5, 0, 6, 1)), False),
    "below.jpg": (boxes((0, 0, 1, 1), (0, 5, 1, 6)), False),
    "apart on both axes.jpg": (boxes((0, 0, 1, 1), (200, 200, 201, 201)), False),
    "inside.jpg": (boxes((0, 0, 100, 100), (10, 10, 90, 90)), True),
    "moved down.jpg": (boxes((5, 0, 15, 100), (5, 25, 15, 125)), True),
    "moved right.jpg": (boxes((0, 5, 100, 15), (25, 5, 125, 15)), True),
}


def test_two_boxes_of_one_class_on_the_same_object_are_a_warning(finished_run, monkeypatch, only):
    only("detections")
    spec = finished_run([row(f"file:///{quote(name)}", **found) for name, (found, _) in OVERLAPS.items()])
    monkeypatch.setenv("FIRSTPASS_CHECK_OVERLAP", "0.5")
    settings.cache_clear()
    verdict = check_run(spec.run_id)
    assert verdict.state == "warnings"
    (result,) = verdict.failures
    assert result.expectation == "boxes_overlap"
    guilty = {name for name, (_, overlap) in OVERLAPS.items() if overlap}
    assert set(result.observed.partition(": ")[2].split(", ")) == guilty


def test_a_crowd_is_a_warning(finished_run, monkeypatch, only):
    only("detections")
    spec = finished_run([row("file:///two.jpg", detections=2), row("file:///three.jpg", detections=3)])
    monkeypatch.setenv("FIRSTPASS_CHECK_BOXES", "2")
    settings.cache_clear()
    (result,) = check_run(spec.run_id).failures
    assert (result.expectation, result.severity) == ("too_many_boxes", "warning")
    assert result.observed == "1 of 2 images: three.jpg"


def test_a_model_without_classes_cannot_have_found_one(finished_run, only):
    only("detections")
    version = replace(VERSION, version="d" * 12, classes=ClassTable(()))
    assert broken(check_run(finished_run([row("file:///a.jpg")], version=version).run_id)) == {"class_not_in_table"}


class TestKnownDrafts:
    """They were looked at by the run that inferred them, or else are looked at by the one that knows them."""

    RIGHT = row("file:///a.jpg", polygons=[[[[20.0, 30.0, 100.0, 30.0, 100.0, 200.0]]]])
    WRONG = row("file:///a.jpg", x2=[900.0], polygons=[[[[1.0, 2.0]]]])

    @pytest.fixture(autouse=True)
    def only_drafts(self, only):
        only("detections", "polygons")

    def know(self, finished_run, known: dict, rows=()):
        return check_run(finished_run(list(rows), decided=[known | {"outcome": "known"}]).run_id)

    def test_of_a_checked_run_are_not_looked_at_again(self, finished_run, warehouse):
        check_run(finished_run([self.RIGHT]).run_id)
        query(warehouse, "UPDATE predictions SET x2 = '{900}'")
        verdict = self.know(finished_run, self.RIGHT, [row("file:///b.jpg")])
        assert verdict.state == "passed"
        assert {r.observed for r in verdict.results if r.suite == "detections"} >= {"0 of 1 images"}

    def test_of_a_night_with_nothing_new_leave_nothing_to_check(self, finished_run):
        check_run(finished_run([self.RIGHT]).run_id)
        assert self.know(finished_run, self.RIGHT).state == "nothing to check"

    def test_of_a_run_that_was_held_back_hold_back_whoever_knows_them(self, finished_run):
        assert check_run(finished_run([self.WRONG]).run_id).state == "failed"
        verdict = self.know(finished_run, self.WRONG)
        assert broken(verdict) == {"box_outside_image", "polygon_broken"}
        assert {r.observed for r in verdict.failures} == {"1 of 1 images: a.jpg"}

    def test_of_a_run_that_was_never_checked_are_checked(self, finished_run):
        finished_run([self.RIGHT])
        verdict = self.know(finished_run, self.RIGHT)
        assert (verdict.state, verdict.failures) == ("passed", ())
        assert {r.observed for r in verdict.results if r.suite == "polygons"} == {"0 of 1 images"}


def states(verdict) -> dict[str, CheckState]:
    return {r.expectation: r.state for r in verdict.results}


class TestNothingToCheck:
    """What had nothing to look at is not said to hold."""

    def test_of_images_without_a_detection(self, finished_run, only):
        only("detections", "polygons")
        verdict = check_run(finished_run([row("file:///a.jpg", "empty", 0)]).run_id)
        assert set(states(verdict).values()) == {CheckState.NOTHING}
        assert verdict.state == "nothing to check"

    def test_of_detections_that_are_no_drafts_and_of_a_draft_alone(self, finished_run, only):
        only("detections")
        faint = check_run(finished_run([row("file:///a.jpg", scores=[0.2])]).run_id)
        assert [name for name, state in states(faint).items() if state is CheckState.NOTHING] == [
            "too_many_boxes", "boxes_overlap"
        ]  # fmt: skip
        alone = check_run(finished_run([row("file:///a.jpg"), row("file:///b.jpg")]).run_id)
        assert [name for name, state in states(alone).items() if state is CheckState.NOTHING] == ["boxes_overlap"]
        crowd = check_run(finished_run([row("file:///a.jpg", detections=2), row("file:///b.jpg")]).run_id)
        (overlap,) = [r for r in crowd.results if r.expectation == "boxes_overlap"]
        assert (overlap.state, overlap.observed) == (CheckState.HOLDS, "0 of 1 images")

    def test_of_the_brightness_of_images_that_were_not_decoded(self, finished_run, only):
        only("images")
        verdict = check_run(finished_run([], [row("file:///a.jpg", "known", 0, brightness=None)]).run_id)
        assert states(verdict) == {"image_too_small": CheckState.HOLDS, "image_nearly_black": CheckState.NOTHING}

    def test_of_a_model_without_masks(self, finished_run, only):
        only("polygons")
        assert set(states(check_run(finished_run([row("file:///a.jpg")]).run_id)).values()) == {CheckState.NOTHING}

    def test_of_a_run_of_known_images(self, finished_run, only):
        only("run")
        found = states(check_run(finished_run([], [row("file:///a.jpg", "known")]).run_id))
        assert {name for name, state in found.items() if state is CheckState.HOLDS} == {
            "images_without_outcome", "folders_not_listed", "unreadable_rate", "duplicate_rate"
        }  # fmt: skip
        assert CheckState.FAILS not in found.values()


class TestDevices:
    """A chunk that asked for a GPU and ran without is a warning; one that did not ask is nothing to check."""

    @pytest.fixture(autouse=True)
    def only_the_run(self, only):
        only("run")

    @pytest.fixture
    def result(self, finished_run, warehouse):
        def check(*markers: dict):
            spec = finished_run([row("file:///a.jpg")])
            query(warehouse, "DELETE FROM chunks WHERE run_id = %s", spec.run_id)
            for n, marker in enumerate(markers):
                query(
                    warehouse,
                    "INSERT INTO chunks (run_id, chunk, state, images, marker) VALUES (%s, %s, 'merged', 1, %s)",
                    *(spec.run_id, n, json.dumps(marker)),
                )
            return next(r for r in check_run(spec.run_id).results if r.expectation == "chunks_without_gpu")

        return check

    def test_without_a_wish_there_is_nothing_to_check(self, result):
        assert result({"device": "cpu"}, {"device": "cpu", "gpus_asked": 0}).state is CheckState.NOTHING

    def test_what_was_asked_for_is_there(self, result):
        found = result({"device": "NVIDIA H100", "gpus_asked": 1}, {"device": "cpu", "gpus_asked": 0})
        assert (found.state, found.observed) == (CheckState.HOLDS, "0")

    def test_what_was_asked_for_is_not_there(self, result):
        found = result(
            {"device": "NVIDIA H100", "gpus_asked": 1}, {"device": "cpu", "gpus_asked": 1}, {"gpus_asked": 2}
        )
        assert (found.state, found.observed, found.severity) == (CheckState.FAILS, "2", "warning")


def rates(verdict) -> dict[str, float | None]:
    return {r.expectation: r.value for r in verdict.results if r.expectation.endswith("_rate")}


def test_shares_are_of_all_images_and_empty_ones_of_those_inferred(finished_run, only):
    only("run")
    rows = [row("file:///ok.jpg"), row("file:///empty.jpg", "empty", 0), unreadable("file:///torn.jpg")]
    gone = row("file:///gone.jpg", "missing", 0, sha256=None)
    decided = [row(f"file:///{n}.jpg", "duplicate") for n in range(2)] + [row("file:///known.jpg", "known")]
    others = [unreadable(f"file:///torn {n}.jpg") for n in range(2)] + [row("file:///ok 2.jpg")]
    verdict = check_run(finished_run([*rows, gone, *others], decided).run_id)
    assert rates(verdict) == {"unreadable_rate": 0.4, "empty_rate": pytest.approx(1 / 3), "duplicate_rate": 0.2}
    assert broken(verdict) == {"unreadable_rate"}
    assert verdict.failures[0].observed == "40.0%"


def test_what_is_just_usual_is_no_warning(finished_run, monkeypatch, only):
    only("run")
    rows = [row("file:///a.jpg"), row("file:///b.jpg", "empty", 0), unreadable("file:///c.jpg")]
    spec = finished_run(rows, decided=[row("file:///d.jpg", "duplicate")])
    for name, most in {"unreadable": 0.25, "empty": 0.5, "duplicates": 0.25}.items():
        monkeypatch.setenv(f"FIRSTPASS_CHECK_{name.upper()}", str(most))
    settings.cache_clear()
    assert check_run(spec.run_id).state == "passed"
    for name, most in {"unreadable": 0.24, "empty": 0.49, "duplicates": 0.24}.items():
        monkeypatch.setenv(f"FIRSTPASS_CHECK_{name.upper()}", str(most))
    settings.cache_clear()
    assert broken(check_run(spec.run_id)) == {"unreadable_rate", "empty_rate", "duplicate_rate"}


def test_a_chunk_that_failed_is_a_warning_and_one_that_never_came_is_critical(finished_run, warehouse, only):
    only("run")
    spec = finished_run([row("file:///a.jpg")])
    query(warehouse, "INSERT INTO chunks SELECT run_id, n, 'failed' FROM runs, generate_series(1, 2) AS n")
    verdict = check_run(spec.run_id)
    assert [(r.expectation, r.severity, r.observed) for r in verdict.failures] == [("chunks_failed", "warning", "2")]
    query(warehouse, "UPDATE chunks SET state = 'planned' WHERE chunk = 2")
    verdict = check_run(spec.run_id)
    assert [(r.expectation, r.severity, r.observed) for r in verdict.failures] == [
        ("chunks_not_merged", "critical", "1"), ("chunks_failed", "warning", "1")
    ]  # fmt: skip


class TestSpeed:
    """Images per second beside the median of the model's earlier runs, where both are large enough to tell."""

    @pytest.fixture(autouse=True)
    def only_the_run(self, only):
        only("run")

    @pytest.fixture
    def night(self, finished_run, warehouse, monkeypatch):
        """`night(20)`: a run of ten images at so many per second, that later ones are compared with."""
        monkeypatch.setenv("FIRSTPASS_CHECK_DRIFT_SAMPLES", "10")

        def run(rate: float, images: int = 10, **other) -> str:
            rows = [row(f"file:///{rate}/{n}.jpg") for n in range(images)]
            spec = finished_run(rows, images=other.pop("images_uri", "/photos"), **other)
            query(warehouse, "UPDATE chunks SET seconds = %s WHERE run_id = %s", images / rate, spec.run_id)
            store_profile(warehouse, spec.run_id)
            settings.cache_clear()
            return spec.run_id

        return run

    def speed(self, run_id: str) -> tuple[float | None, CheckState]:
        (result,) = [r for r in check_run(run_id).results if r.expectation == "speed"]
        return result.value, result.state

    def test_is_a_warning_below_half_of_the_usual(self, night):
        for rate in (10, 40, 20):
            night(rate)
        assert self.speed(night(10)) == (pytest.approx(0.5), CheckState.HOLDS)
        assert self.speed(night(7)) == (pytest.approx(7 / 15), CheckState.FAILS)

    def test_is_compared_with_so_many_earlier_runs_only(self, night, monkeypatch):
        for rate in (1000, 30, 10):
            night(rate)
        monkeypatch.setenv("FIRSTPASS_CHECK_DRIFT_RUNS", "2")
        assert self.speed(night(20)) == (pytest.approx(1.0), CheckState.HOLDS)

    def test_is_compared_over_the_same_images_only(self, night):
        night(1000, images_uri="/elsewhere")
        assert self.speed(night(20)) == (None, CheckState.NOTHING)

    def test_says_nothing_of_runs_too_small_to_tell(self, night):
        assert self.speed(night(10)) == (None, CheckState.NOTHING)
        assert self.speed(night(40, images=9)) == (None, CheckState.NOTHING)
        assert self.speed(night(5)) == (pytest.approx(0.5), CheckState.HOLDS)

    def test_is_not_known_of_a_run_that_took_no_time(self, night, warehouse):
        run_id = night(10)
        query(warehouse, "UPDATE chunks SET seconds = 0 WHERE run_id = %s", run_id)
        assert self.speed(run_id) == (None, CheckState.NOTHING)
        assert self.speed(night(10)) == (None, CheckState.NOTHING)

    def test_is_of_all_merged_chunks_together_and_of_no_others(self, night, warehouse):
        """Six images in 1.5 s and four in 0.5 s are five per second; what failed took a while, too."""
        night(10)
        run_id = night(4, images=6)
        query(
            warehouse,
            "INSERT INTO chunks (run_id, chunk, state, images, seconds)"
            " VALUES (%s, 1, 'merged', 4, 0.5), (%s, 2, 'failed', 10, 100)",
            run_id,
            run_id,
        )
        assert self.speed(run_id) == (pytest.approx(0.5), CheckState.HOLDS)


def test_small_images_are_worth_a_look(finished_run, only):
    only("images")
    sizes = {"small.jpg": (31, 32), "flat.jpg": (640, 31), "fine.jpg": (32, 32), "tiny.jpg": (1, 1)}
    rows = [row(f"file:///{n}", "empty", 0, width=w, height=h) for n, (w, h) in sizes.items() if n != "tiny.jpg"]
    known = row("file:///tiny.jpg", "known", 0, width=1, height=1)
    verdict = check_run(finished_run([*rows, unreadable("file:///torn.jpg")], [known]).run_id)
    small = next(r for r in verdict.failures if r.expectation == "image_too_small")
    assert small.severity == "warning"
    count, _, names = small.observed.partition(": ")
    assert (count, set(names.split(", "))) == ("3 of 4 images", {"small.jpg", "flat.jpg", "tiny.jpg"})


def test_a_class_table_names_every_class_and_each_differently(finished_run, only):
    only("classes")
    names = {1: "cat", 2: " ", 5: "dog", 6: "cat", 7: "Cat", 8: ""}
    version = replace(VERSION, version="c" * 12, classes=ClassTable(tuple(ModelClass(*c) for c in names.items())))
    verdict = check_run(finished_run([row("file:///a.jpg")], version=version).run_id)
    found = {r.expectation: (r.severity, r.observed) for r in verdict.failures}
    assert found.keys() == {"class_unnamed", "class_repeated"}
    assert found["class_unnamed"][0] == found["class_repeated"][0] == "critical"
    count, _, ids = found["class_unnamed"][1].partition(": ")
    assert (count, set(ids.split(", "))) == ("2 of 6 classes", {"id 2", "id 8"})
    assert set(found["class_repeated"][1].partition(": ")[2].split(", ")) == {"cat (id 1)", "cat (id 6)"}


def test_a_warehouse_that_goes_away_meanwhile_is_waited_for_and_no_verdict(finished_run, warehouse):
    spec = finished_run([row("file:///a.jpg")])
    over = Event()

    def end_what_checks() -> None:
        with closing(connect()) as conn, conn.cursor() as cursor:
            conn.autocommit = True
            while not over.is_set():
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE query LIKE '%AS batch%' AND pid <> pg_backend_pid()"
                )

    with ThreadPoolExecutor(1) as pool:
        pool.submit(end_what_checks)
        try:
            with pytest.raises(Exception) as caught:  # noqa: PT011 - of whichever library was asking
                check_run(spec.run_id)
        finally:
            over.set()
    assert outage(caught.value)
    assert load(warehouse, spec.run_id) is None


def test_what_could_not_be_checked_counts_as_failed_and_hides_nothing_else(finished_run, warehouse, monkeypatch):
    def with_another(limits):
        (images,) = [suite for suite in suites(limits) if suite.name == "images"]
        lost = Expectation("critical", "image_is_lovely", "Every image is lovely.")
        return (replace(images, expectations=(lost, *images.expectations)),)

    monkeypatch.setattr(checks, "suites", with_another)
    spec = finished_run([row("file:///a.jpg", width=5)])
    verdict = check_run(spec.run_id)
    lost, small, dark = verdict.results
    assert (lost.state, lost.value) == (CheckState.FAILS, None)
    assert lost.observed.startswith("could not be checked: ")
    assert "image_is_lovely" in lost.observed
    assert (small.observed, small.state, dark.state) == ("1 of 1 images: a.jpg", CheckState.FAILS, CheckState.HOLDS)
    assert load(warehouse, spec.run_id) == QualityVerdict(spec.run_id, (lost, dark, small))


def test_unreadable_images_beyond_the_usual_are_a_warning(finished_run, only):
    only("run")
    spec = finished_run([row("file:///a.jpg"), unreadable("file:///b.jpg"), unreadable("file:///c.jpg")])
    verdict = check_run(spec.run_id)
    assert broken(verdict) == {"unreadable_rate"}
    assert verdict.failures[0].observed == "66.7%"


def test_a_folder_that_could_not_be_listed_fails_the_run(finished_run, monkeypatch, only):
    """Its images are in no other row, however few of the others are unreadable."""
    only("run")
    monkeypatch.setenv("FIRSTPASS_CHECK_UNREADABLE", "1")
    folder = unreadable("file:///night/locked/")
    gone = unreadable("file:///night/gone/") | {"outcome": "missing"}
    spec = finished_run([row("file:///night/a.jpg")], decided=[folder, gone])
    verdict = check_run(spec.run_id)
    assert verdict.state == "failed"
    (result,) = verdict.failures
    assert (result.expectation, result.severity, result.observed) == ("folders_not_listed", "critical", "1")


def test_an_image_that_lost_its_outcome_fails_the_run(finished_run, warehouse, only):
    only("run")
    spec = finished_run([row("file:///a.jpg"), row("file:///b.jpg")])
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute("DELETE FROM outcomes WHERE uri = 'file:///b.jpg'")
        cursor.execute("UPDATE chunks SET state = 'planned'")
    verdict = check_run(spec.run_id)
    assert verdict.state == "failed"
    assert broken(verdict) >= {"images_without_outcome", "chunks_not_merged"}


def test_a_run_whose_images_all_lost_their_outcome_fails(finished_run, warehouse, only):
    only("run")
    spec = finished_run([row("file:///a.jpg"), row("file:///b.jpg")])
    query(warehouse, "DELETE FROM outcomes")
    (result,) = check_run(spec.run_id).failures
    assert (result.expectation, result.severity, result.observed) == ("images_without_outcome", "critical", "2")


def test_a_night_with_nothing_new_passes(finished_run):
    rows = [row("file:///a.jpg")]
    finished_run(rows)
    spec = finished_run([], decided=[r | {"outcome": "known"} for r in rows])
    verdict = check_run(spec.run_id)
    assert verdict.state == "passed"
    (empty,) = [r for r in verdict.results if r.expectation == "empty_rate"]
    assert (empty.state, empty.observed) == (CheckState.NOTHING, "nothing to look at in this run")


def test_a_run_without_an_image_has_nothing_to_check_but_its_class_table(finished_run):
    verdict = check_run(finished_run([]).run_id)
    assert verdict.state == "nothing to check"
    assert {r.suite for r in verdict.results if r.state is CheckState.HOLDS} == {"classes"}
    assert verdict.counts[CheckState.FAILS] == 0


def test_a_run_with_a_single_image_that_is_a_copy_is_a_warning(finished_run, only):
    only("run")
    verdict = check_run(finished_run([], decided=[row("file:///a.jpg", "duplicate")]).run_id)
    assert [(r.expectation, r.observed) for r in verdict.failures] == [("duplicate_rate", "100.0%")]


def test_a_run_with_only_unreadable_images_is_a_warning(finished_run):
    spec = finished_run([unreadable("file:///a.jpg")])
    assert broken(check_run(spec.run_id)) == {"unreadable_rate"}


def test_a_hostile_run_id_is_only_text(finished_run):
    spec = finished_run([row("file:///a.jpg")], run_id="x'; DROP TABLE runs; -- :name %s {run_id} \\ ☃")
    assert check_run(spec.run_id).state == "passed"


def test_checking_again_replaces_the_results(finished_run, warehouse, only):
    only("detections")
    spec = finished_run([row("file:///a.jpg", x2=[900.0])])
    check_run(spec.run_id)
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute("UPDATE predictions SET x2 = '{100}'")
    check_run(spec.run_id)
    assert load(warehouse, spec.run_id).state == "passed"


def test_no_password_reaches_the_environment_the_log_or_the_pages(
    finished_run, storage_home, warehouse_dsn, monkeypatch, caplog
):
    monkeypatch.setenv("FIRSTPASS_WAREHOUSE_DSN", make_dsn(warehouse_dsn, password="geh$eim/:@ %s"))
    settings.cache_clear()
    caplog.set_level(logging.DEBUG)
    spec = finished_run([row("file:///a.jpg")])
    check_run(spec.run_id)
    assert "WAREHOUSE_DSN" not in os.environ
    assert "geh" not in caplog.text
    pages = list(storage_home.rglob("data_docs/*.html"))
    assert {page.stem for page in pages} == {"index", *(suite.name for suite in suites(settings()))}
    for page in pages:
        text = page.read_text()
        assert "postgresql" not in text
        assert "geh" not in text
        assert "<script" not in text
        assert "//" not in text.replace("file:///", ""), page


def test_another_run_s_data_docs_stay(finished_run, storage_home, only):
    only("images")
    for _ in range(2):
        check_run(finished_run([row("file:///a.jpg")]).run_id)
    assert len(list(storage_home.rglob("data_docs/index.html"))) == 2


def test_nearly_black_images_are_worth_a_look(finished_run, only):
    only("images")
    rows = [row(f"file:///photos/{n}.jpg", brightness=n) for n in (9.5, 10, 120)]
    known = row("file:///photos/known.jpg", "known", 0, brightness=None)
    verdict = check_run(finished_run(rows, [known]).run_id)
    (dark,) = verdict.failures
    assert (dark.expectation, dark.severity) == ("image_nearly_black", "warning")
    assert dark.observed == "1 of 3 images: 9.5.jpg"


def test_a_right_that_is_missing_is_named_whoever_meets_it(finished_run, lesser_user, use_warehouse):
    """Great Expectations meets it first: nothing else reads this view."""
    spec = finished_run([row("file:///photos/1.jpg")])
    rights = "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {}"
    use_warehouse(lesser_user(rights, "REVOKE SELECT ON run_classes FROM {}"))
    with pytest.raises(Exception) as caught:  # noqa: PT011 - SQLAlchemy's; a task's waiter makes a sentence of it
        check_run(spec.run_id)
    assert "permission denied for view run_classes" in missing_right(caught.value).problem

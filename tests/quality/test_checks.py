"""The checks say which expectation broke, about which image, and nothing else."""

from __future__ import annotations

import logging
import math
import os
from urllib.parse import quote

from psycopg2.extensions import make_dsn

from firstpass.quality.checks import check_run
from firstpass.quality.suites import suites
from firstpass.settings import settings
from firstpass.warehouse.verdicts import load_verdict as load
from fixtures.made_up_runs import row, unreadable


def broken(verdict) -> set[str]:
    return {result.expectation for result in verdict.failures}


def test_a_good_run_passes_and_is_remembered(finished_run, warehouse):
    spec = finished_run([row(f"file:///photos/{n}.jpg", detections=2) for n in range(4)])
    verdict = check_run(spec.run_id)
    assert verdict.state == "passed", verdict.failures
    assert load(warehouse, spec.run_id).state == "passed"
    assert len(load(warehouse, spec.run_id).results) == len(verdict.results)


# Image → what is wrong with its one detection, and the expectations that say so.
WRONG = {
    "beyond the right edge.jpg": ({"x2": [900.0]}, {"box_outside_image"}),
    "left of the edge.jpg": ({"x1": [-3.0]}, {"box_outside_image"}),
    "flat.jpg": ({"x1": [110.5]}, {"box_without_area"}),
    "no top.jpg": ({"y1": [math.nan]}, {"box_without_area"}),
    "too sure.jpg": ({"scores": [1.5]}, {"score_outside_range"}),
    "no score.jpg": ({"scores": [math.nan]}, {"score_outside_range"}),
    "too unsure.jpg": ({"scores": [0.25]}, {"score_below_threshold"}),
    "strange class.jpg": ({"class_ids": [77]}, {"class_not_in_table"}),
    "fine.jpg": ({}, set()),
}


def test_a_detection_that_cannot_be_right_fails_the_run_and_names_the_image(finished_run):
    rows = [row(f"file:///photos/{quote(name)}", **wrong) for name, (wrong, _) in WRONG.items()]
    verdict = check_run(finished_run(rows).run_id)
    assert verdict.state == "failed"
    for result in verdict.results:
        if result.suite == "detections":
            guilty = {name for name, (_, expected) in WRONG.items() if result.expectation in expected}
            assert result.success == (not guilty)
            assert result.severity == "critical" or not guilty
            assert result.value == len(guilty)
            count, _, names = result.observed.partition(": ")
            assert count == f"{len(guilty)} of {len(WRONG)} images"
            assert set(filter(None, names.split(", "))) == guilty, result.expectation


def test_a_class_may_have_a_threshold_of_its_own(finished_run):
    spec = finished_run([row("file:///a.jpg", scores=[0.2])], class_thresholds={1: 0.15})
    assert check_run(spec.run_id).state == "passed"


def test_two_boxes_of_one_class_over_the_same_object_are_a_warning(finished_run):
    twice = {"class_ids": [1, 1], "x1": [10, 11], "y1": [10, 10], "x2": [200, 200], "y2": [200, 200]}
    other = twice | {"class_ids": [1, 5]}
    spec = finished_run(
        [
            row("file:///twice.jpg", detections=2, **twice),
            row("file:///two.jpg", detections=2, **other),
        ]
    )
    verdict = check_run(spec.run_id)
    assert verdict.state == "warnings"
    assert broken(verdict) == {"boxes_overlap"}
    assert "twice.jpg" in verdict.failures[0].observed


def test_unreadable_images_beyond_the_usual_are_a_warning(finished_run):
    spec = finished_run([row("file:///a.jpg"), unreadable("file:///b.jpg"), unreadable("file:///c.jpg")])
    verdict = check_run(spec.run_id)
    assert broken(verdict) == {"unreadable_rate"}
    assert verdict.failures[0].observed == "66.7%"


def test_an_image_that_lost_its_outcome_fails_the_run(finished_run, warehouse):
    spec = finished_run([row("file:///a.jpg"), row("file:///b.jpg")])
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute("DELETE FROM outcomes WHERE uri = 'file:///b.jpg'")
        cursor.execute("UPDATE chunks SET state = 'planned'")
    verdict = check_run(spec.run_id)
    assert verdict.state == "failed"
    assert broken(verdict) >= {"images_without_outcome", "chunks_not_merged"}


def test_a_night_with_nothing_new_passes(finished_run):
    rows = [row("file:///a.jpg")]
    finished_run(rows)
    spec = finished_run([], decided=[r | {"outcome": "known"} for r in rows])
    verdict = check_run(spec.run_id)
    assert verdict.state == "passed"
    assert {r.observed for r in verdict.results if r.expectation == "empty_rate"} == {"nothing to measure in this run"}


def test_a_run_with_only_unreadable_images_is_a_warning(finished_run):
    spec = finished_run([unreadable("file:///a.jpg")])
    assert broken(check_run(spec.run_id)) == {"unreadable_rate"}


def test_a_hostile_run_id_is_only_text(finished_run):
    spec = finished_run([row("file:///a.jpg")], run_id="x'; DROP TABLE runs; -- :name %s {run_id} \\ ☃")
    assert check_run(spec.run_id).state == "passed"


def test_checking_again_replaces_the_results(finished_run, warehouse):
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


def test_another_run_s_data_docs_stay(finished_run, storage_home):
    for _ in range(2):
        check_run(finished_run([row("file:///a.jpg")]).run_id)
    assert len(list(storage_home.rglob("data_docs/index.html"))) == 2


def test_nearly_black_images_are_worth_a_look(finished_run):
    rows = [row(f"file:///photos/{n}.jpg", brightness=n) for n in (9.5, 10, 120)]
    known = row("file:///photos/known.jpg", "known", 0, brightness=None)
    verdict = check_run(finished_run(rows, [known]).run_id)
    (dark,) = verdict.failures
    assert (dark.expectation, dark.severity) == ("image_nearly_black", "warning")
    assert dark.observed == "1 of 4 images: 9.5.jpg"

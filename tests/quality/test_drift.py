"""Drift: a run's distributions against those of the model's earlier runs."""

from __future__ import annotations

import math

import numpy as np
import pytest

from firstpass.quality.checks import check_run
from firstpass.quality.drift import comparisons, store_profile
from fixtures.made_up_runs import row

DRIFTS = ("class_drift", "score_drift", "boxes_drift", "size_drift")


def rows(
    night: int, images: int = 150, classes=(1, 2, 5), share=(0.6, 0.3, 0.1), score=(0.35, 0.95), side=60.0, boxes=3
):
    """Made-up images whose detections follow the given distributions; another `night`, other draws."""
    draw = np.random.default_rng(night)
    made = []
    for n in range(images):
        count = int(draw.poisson(boxes))
        x, y = draw.uniform(0, 300, count), draw.uniform(0, 200, count)
        w, h = draw.uniform(0.5, 1.5, (2, count)) * side
        made.append(
            row(
                f"file:///night{night}/{n}.jpg",
                "ok" if count else "empty",
                class_ids=draw.choice(classes, count, p=share).tolist(),
                scores=np.sort(draw.uniform(*score, count).astype(np.float32))[::-1].tolist(),
                x1=x.tolist(),
                y1=y.tolist(),
                x2=(x + w).tolist(),
                y2=(y + h).tolist(),
            )
        )
    return made


def drift(verdict) -> dict[str, float | None]:
    return {r.expectation: r.value for r in verdict.results if r.suite == "drift"}


def test_the_first_run_ever_has_nothing_to_compare_with(finished_run):
    verdict = check_run(finished_run(rows(1)).run_id)
    assert verdict.state == "passed"
    assert drift(verdict) == dict.fromkeys(DRIFTS)
    assert {r.observed for r in verdict.results if r.suite == "drift"} == {
        "nothing to compare: 100 samples are needed, now and in earlier runs"
    }


def test_another_night_of_the_same_kind_is_no_drift(finished_run):
    for night in range(3):
        verdict = check_run(finished_run(rows(night)).run_id)
    assert verdict.state == "passed"
    assert all(value < 0.1 for value in drift(verdict).values()), drift(verdict)


CHANGES = {
    "class_drift": {"share": (0.1, 0.3, 0.6)},
    "score_drift": {"score": (0.3, 0.5)},
    "boxes_drift": {"boxes": 9},
    "size_drift": {"side": 180.0},
}


def test_a_night_of_another_kind_is(finished_run, warehouse):
    """Each against the same first night: what was found about the others is forgotten in between."""
    check_run(finished_run(rows(1)).run_id)
    for night, (expected, change) in enumerate(CHANGES.items(), 2):
        spec = finished_run(rows(night, **change))
        verdict = check_run(spec.run_id)
        assert [r.expectation for r in verdict.failures] == [expected]
        assert verdict.state == "warnings"
        assert verdict.drift > 0.25
        with warehouse, warehouse.cursor() as cursor:
            cursor.execute("DELETE FROM quality_profiles WHERE run_id = %s", [spec.run_id])


def test_the_index_is_the_textbooks(finished_run):
    """Two bins, 80:20 against 50:50, large samples: Σ (p - q) ln(p / q) less what chance brings."""
    one = {"score": (0.5, 0.51), "boxes": 4, "classes": (1, 2)}
    check_run(finished_run(rows(1, 500, share=(0.5, 0.5), **one)).run_id)
    verdict = check_run(finished_run(rows(2, 500, share=(0.8, 0.2), **one)).run_id)
    expected = (0.8 - 0.5) * math.log(0.8 / 0.5) + (0.2 - 0.5) * math.log(0.2 / 0.5)
    assert drift(verdict)["class_drift"] == pytest.approx(expected, abs=0.08)


def test_many_classes_in_small_nights_are_not_drift(finished_run):
    """Eighty classes and a few hundred detections: the plain index would cry wolf."""
    kind = {"classes": tuple(range(1, 81)), "share": np.full(80, 1 / 80)}
    check_run(finished_run(rows(1, 80, **kind)).run_id)
    assert drift(check_run(finished_run(rows(2, 80, **kind)).run_id))["class_drift"] < 0.15


def test_other_thresholds_and_other_models_are_no_base(finished_run):
    check_run(finished_run(rows(1)).run_id)
    verdict = check_run(finished_run(rows(2), threshold=0.34).run_id)
    assert verdict.drift is None


def test_a_later_run_is_no_base_of_an_earlier_one(finished_run):
    first, second = finished_run(rows(1)), finished_run(rows(2, score=(0.3, 0.5)))
    check_run(second.run_id)
    assert check_run(first.run_id).drift is None


def test_a_night_with_nothing_new_says_nothing_about_drift(finished_run):
    known = rows(1)
    check_run(finished_run(known).run_id)
    verdict = check_run(finished_run([], decided=[r | {"outcome": "known"} for r in known]).run_id)
    assert verdict.drift is None
    assert verdict.state == "passed"


def test_a_profile_counts_every_detection_once(finished_run, warehouse):
    made = rows(1)
    spec = finished_run(made)
    store_profile(warehouse, spec.run_id)
    store_profile(warehouse, spec.run_id)
    found = comparisons(warehouse, spec.run_id)
    detections = sum(len(r["scores"]) for r in made)
    assert {name: sum(one.now.values()) for name, one in found.items()} == {
        "class": detections,
        "score": detections,
        "size": detections,
        "boxes": len(made),
    }
    assert found["class"].base == {}
    assert found["boxes"].now[0] == sum(not r["scores"] for r in made)


def test_a_score_that_is_not_a_number_does_not_stop_the_profile(finished_run, warehouse):
    spec = finished_run([row("file:///a.jpg", scores=[math.nan], x2=[math.nan])])
    store_profile(warehouse, spec.run_id)
    assert sum(comparisons(warehouse, spec.run_id)["score"].now.values()) == 1

"""Drift: a run's distributions against those of the model's earlier runs."""

from __future__ import annotations

import math

import numpy as np
import pytest

from firstpass.contracts.thresholds import Thresholds
from firstpass.quality.checks import check_run
from firstpass.quality.drift import Comparison, comparisons, store_profile
from firstpass.settings import settings
from fixtures.made_up_runs import row


@pytest.fixture(autouse=True)
def only_drift(only):
    only("drift")


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


def exactly(name: str, classes: dict[int, int]) -> list[dict]:
    """So many images of each class, with one detection each."""
    numbers = [class_id for class_id, count in classes.items() for _ in range(count)]
    return [row(f"file:///{name}/{n}.jpg", class_ids=[class_id]) for n, class_id in enumerate(numbers)]


def index(one: Comparison) -> float:
    """The population stability index as batches/drift.sql describes it."""
    n, m = sum(one.now.values()), sum(one.base.values())
    pools: dict[int, list[float]] = {}
    for bin_ in one.now.keys() | one.base.keys():
        now, base = one.now.get(bin_, 0), one.base.get(bin_, 0)
        pool = pools.setdefault(-1 if base / m * n < 5 else bin_, [0.5, 0.5])
        pool[0] += now
        pool[1] += base
    bins = len(pools)
    shares = [(now / (n + bins / 2), base / (m + bins / 2)) for now, base in pools.values()]
    chance = (bins - 1) * (1 / n + 1 / m)
    return max(0.0, sum((p - q) * math.log(p / q) for p, q in shares) - chance)


@pytest.fixture
def limits(monkeypatch):
    """`limits(runs=2)`: how many earlier runs, and from how many samples on."""

    def change(**values: int) -> None:
        for name, value in values.items():
            monkeypatch.setenv(f"FIRSTPASS_CHECK_DRIFT_{name.upper()}", str(value))
        settings.cache_clear()

    return change


def test_the_first_run_ever_has_nothing_to_compare_with(finished_run):
    verdict = check_run(finished_run(rows(1)).run_id)
    assert verdict.state == "nothing to check"
    assert drift(verdict) == dict.fromkeys(DRIFTS)
    assert {r.observed for r in verdict.results if r.suite == "drift"} == {
        "nothing to compare with: 100 samples are needed, now and in earlier runs"
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


def test_every_index_pools_small_bins_adds_half_a_sample_and_takes_chance_away(finished_run, warehouse):
    kinds = {"classes": tuple(range(1, 13)), "share": np.array([0.3, 0.2, 0.2, 0.1, 0.1, *[0.1 / 7] * 7])}
    check_run(finished_run(rows(1, **kinds)).run_id)
    changed = {"share": kinds["share"][::-1], "score": (0.5, 0.9), "side": 90.0, "boxes": 4}
    spec = finished_run(rows(2, 100, **kinds | changed))
    found = drift(check_run(spec.run_id))
    expected = {f"{name}_drift": index(one) for name, one in comparisons(warehouse, spec.run_id).items()}
    assert found == {name: pytest.approx(value, rel=1e-9) for name, value in expected.items()}
    assert all(value > 0 for value in found.values())


def test_a_bin_that_would_hold_five_samples_stands_alone(finished_run):
    """Pooled with the other small one, it would hide what changed."""
    check_run(finished_run(exactly("base", {1: 90, 2: 5, 5: 5})).run_id)
    found = drift(check_run(finished_run(exactly("now", {1: 70, 2: 25, 5: 5})).run_id))["class_drift"]
    alone = sum((now - base) / 101.5 * math.log(now / base) for now, base in ((70.5, 90.5), (25.5, 5.5)))
    assert found == pytest.approx(alone - 2 * (1 / 100 + 1 / 100))


def test_drift_is_spoken_of_from_so_many_samples_on_then_and_now(finished_run, limits):
    limits(samples=20)
    nights = [check_run(finished_run(exactly(str(n), {1: n})).run_id) for n in (20, 19, 20)]
    assert [drift(each)["class_drift"] for each in nights] == [None, None, 0.0]
    limits(samples=40)
    assert drift(check_run(finished_run(exactly("x", {1: 40})).run_id))["class_drift"] == 0.0
    limits(samples=100)
    assert drift(check_run(finished_run(exactly("y", {1: 100})).run_id))["class_drift"] is None


def test_only_so_many_earlier_runs_are_the_base_the_newest_ones(finished_run, warehouse, limits):
    """The two newest together are like tonight, which neither of them nor all three are."""
    for name, classes in (("oldest", {1: 900}), ("older", {2: 60}), ("old", {1: 60})):
        store_profile(warehouse, finished_run(exactly(name, classes)).run_id)
    limits(runs=2, samples=20)
    spec = finished_run(exactly("tonight", {1: 30, 2: 30}))
    assert drift(check_run(spec.run_id))["class_drift"] == 0.0
    found = comparisons(warehouse, spec.run_id)["class"]
    assert found == Comparison({1: 30, 2: 30}, {1: 60, 2: 60}, 2)
    limits(runs=3)
    assert comparisons(warehouse, spec.run_id)["class"] == Comparison({1: 30, 2: 30}, {1: 960, 2: 60}, 3)
    assert drift(check_run(spec.run_id))["class_drift"] > 0.25
    limits(runs=10)
    assert comparisons(warehouse, spec.run_id)["class"].runs == 3


def test_drift_up_to_the_limit_is_usual(finished_run, warehouse, monkeypatch):
    store_profile(warehouse, finished_run(exactly("base", {1: 100, 2: 100})).run_id)
    spec = finished_run(exactly("now", {1: 140, 2: 60}))
    found = drift(check_run(spec.run_id))["class_drift"]
    for limit, state in ((math.nextafter(found, 0), "warnings"), (found, "passed")):
        monkeypatch.setenv("FIRSTPASS_CHECK_DRIFT", repr(limit))
        settings.cache_clear()
        assert check_run(spec.run_id).state == state


def test_many_classes_in_small_nights_are_not_drift(finished_run):
    """Eighty classes and a few hundred detections: the plain index would cry wolf."""
    kind = {"classes": tuple(range(1, 81)), "share": np.full(80, 1 / 80)}
    check_run(finished_run(rows(1, 80, **kind)).run_id)
    assert drift(check_run(finished_run(rows(2, 80, **kind)).run_id))["class_drift"] < 0.15


def test_other_thresholds_and_other_models_are_no_base(finished_run):
    check_run(finished_run(rows(1)).run_id)
    for number, thresholds in enumerate([Thresholds(0.34), Thresholds(0.3, {2: 0.3})], 2):
        assert check_run(finished_run(rows(number), thresholds=thresholds).run_id).drift is None


def test_other_images_are_no_base(finished_run):
    check_run(finished_run(rows(1), images="/elsewhere").run_id)
    assert check_run(finished_run(rows(2)).run_id).drift is None
    assert check_run(finished_run(rows(3), images="file:///photos/").run_id).drift is not None


def test_a_run_that_stored_more_is_compared_with_one_of_the_same_thresholds(finished_run, warehouse):
    """The floor decides nothing about drafts."""
    store_profile(warehouse, finished_run(exactly("base", {1: 100}), floor=0.3).run_id)
    faint = [row(f"file:///faint/{n}.jpg", scores=[0.2]) for n in range(100)]
    spec = finished_run([*exactly("now", {1: 100}), *faint], floor=0.1)
    found = drift(check_run(spec.run_id))
    assert (found["class_drift"], found["score_drift"]) == (0.0, 0.0)
    assert comparisons(warehouse, spec.run_id)["boxes"].now == {0: 100, 1: 100}


def test_only_drafts_are_in_a_profile(finished_run, warehouse):
    """By the threshold of their own class where it has one."""
    spec = finished_run(
        [
            row("file:///a.jpg", detections=3, class_ids=[1, 1, 1], scores=[0.9, 0.3, 0.2999]),
            row("file:///b.jpg", detections=3, class_ids=[5, 5, 2], scores=[0.6, 0.5999, 0.2]),
            row("file:///c.jpg", scores=[0.2999]),
        ],
        thresholds=Thresholds(0.3, {5: 0.6}),
    )
    store_profile(warehouse, spec.run_id)
    found = profile(warehouse, spec.run_id)
    assert found["class"] == {1: 2, 5: 1}
    assert found["score"] == {18: 1, 6: 1, 12: 1}
    assert found["boxes"] == {2: 1, 1: 1, 0: 1}


def test_a_later_run_is_no_base_of_an_earlier_one(finished_run):
    first, second = finished_run(rows(1)), finished_run(rows(2, score=(0.3, 0.5)))
    check_run(second.run_id)
    assert check_run(first.run_id).drift is None


def test_a_night_with_nothing_new_says_nothing_about_drift(finished_run):
    known = rows(1)
    check_run(finished_run(known).run_id)
    verdict = check_run(finished_run([], decided=[r | {"outcome": "known"} for r in known]).run_id)
    assert verdict.drift is None
    assert verdict.state == "nothing to check"


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


def profile(conn, run_id: str) -> dict[str, dict[int, int]]:
    return {name: one.now for name, one in comparisons(conn, run_id).items()}


def test_a_bin_begins_at_its_edge(finished_run, warehouse):
    """Scores by twentieths, sizes by tenths of the image's side, and so many detections per image."""
    scores = [0.0, 0.04, 0.05, 0.5, 0.949, 0.95, 1.0]
    sides = [0.0, 47.0, 48.5, 240.5, 431.0, 433.0, 480.0]  # of 480 × 480
    place = {"width": 480, "height": 480, "x1": [0.0] * 7, "y1": [0.0] * 7, "x2": sides, "y2": sides}
    counts = [0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 14, 15, 24, 25, 49, 50, 99, 100, 101]
    others = [row(f"file:///{n}.jpg", "ok" if n else "empty", n) for n in counts]
    spec = finished_run(
        [row("file:///a.jpg", detections=7, scores=scores, **place)], thresholds=Thresholds(0.0), floor=0.0
    )
    store_profile(warehouse, spec.run_id)
    assert profile(warehouse, spec.run_id) == {
        "class": {1: 3, 2: 2, 5: 2},
        "score": {0: 2, 1: 1, 10: 1, 18: 1, 19: 2},
        "size": {0: 2, 1: 1, 5: 1, 8: 1, 9: 2},
        "boxes": {6: 1},
    }
    spec = finished_run(others, thresholds=Thresholds(-2.0))
    store_profile(warehouse, spec.run_id)
    edges = {0: 1, 1: 1, 2: 1, 3: 1, 4: 1, 5: 2, 6: 2, 7: 2, 8: 2, 9: 2, 10: 2, 11: 2}
    assert profile(warehouse, spec.run_id)["boxes"] == edges


def test_a_size_is_a_share_of_the_image_s_own_whatever_its_corners(finished_run, warehouse):
    quarter = {"width": 1000, "height": 100, "x1": [500.0], "y1": [0.0], "x2": [0.0], "y2": [50.0]}
    whole = {"width": 100, "height": 100, "x1": [0.0], "y1": [0.0], "x2": [100.0], "y2": [100.0]}
    nowhere = {"width": 0, "height": 0}
    named = {"a": quarter, "b": whole, "c": nowhere}
    spec = finished_run([row(f"file:///{name}.jpg", **place) for name, place in named.items()])
    store_profile(warehouse, spec.run_id)
    assert profile(warehouse, spec.run_id)["size"] == {5: 1, 9: 1}
    assert profile(warehouse, spec.run_id)["score"] == {17: 3}


def test_only_what_the_run_inferred_itself_is_in_its_profile(finished_run, warehouse):
    known = row("file:///a.jpg", detections=3)
    finished_run([known])
    spec = finished_run([row("file:///b.jpg")], decided=[known | {"outcome": "known"}])
    store_profile(warehouse, spec.run_id)
    assert profile(warehouse, spec.run_id)["boxes"] == {1: 1}
    assert sum(profile(warehouse, spec.run_id)["class"].values()) == 1


def test_numbers_that_are_none_do_not_stop_the_profile(finished_run, warehouse):
    """A score that is none makes no draft; a box that is none makes a large one."""
    spec = finished_run([row("file:///a.jpg", detections=2, scores=[math.nan, 0.5], x2=[math.nan, math.nan])])
    store_profile(warehouse, spec.run_id)
    found = profile(warehouse, spec.run_id)
    assert (found["score"], found["boxes"], found["size"]) == ({10: 1}, {1: 1}, {9: 1})

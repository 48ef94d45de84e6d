"""Which images of a run get a picture: the least certain, the most crowded, and others, the same ones every time."""

from __future__ import annotations

import math
import random
from statistics import mean

import pytest

from firstpass.warehouse.merge import merge_catalogue, merge_chunk
from firstpass.warehouse.picture_choice import choose_pictures
from fixtures.made_up_runs import catalogue, query, row


def content(name: str) -> str:
    """A hash that sorts as the name does."""
    return name.ljust(64, "0")


def photo(name: str, *scores: float, **other) -> dict:
    made = row(f"file:///{name}", "ok" if scores else "empty", len(scores), scores=list(scores))
    return made | {"sha256": content(name)} | other


def chosen(warehouse, limit: int = 100, outcomes=("ok", "empty"), detections: int = 100) -> list[str]:
    return [
        each[0].removeprefix("file:///")
        for each in choose_pictures(warehouse, "a run", list(outcomes), limit, detections)
    ]


@pytest.fixture
def merged(warehouse, night):
    def merge(*rows: dict) -> None:
        run = night()
        merge_chunk(warehouse, run.spec, run.chunk(0, list(rows)))

    return merge


def test_a_picture_comes_with_all_that_it_needs(warehouse, merged):
    place = {"uri": "cvat:task/3#7", "task": 3, "frame": 7, "width": 64, "height": 48, "size": 99, "etag": "e"}
    merged(photo("a", 0.75, 0.25, polygons=[[[1, 2, 3, 4, 5, 6]], []], **place))
    (found,) = choose_pictures(warehouse, "a run", ["ok"], 1, 9)
    assert found[:10] == ("cvat:task/3#7", 99, "e", 64, 48, content("a"), 3, 7, 0.5, 2)
    assert found[10:16] == ([1, 2], [0.75, 0.25], [10.5, 11.5], [20.25, 21.25], [110.5, 111.5], [220.25, 221.25])
    assert found[16] == [[[1, 2, 3, 4, 5, 6]], []]


def test_least_certain_most_crowded_and_any_other_take_turns(warehouse, merged):
    """By content, `a` to `i`: what the last turn takes is as good as at random, and before it what has detections."""
    merged(
        photo("a"),
        photo("b", 0.9),
        photo("c", 0.8),
        photo("g", *[0.7] * 5),
        photo("h", *[0.95] * 9),
        photo("i", 0.4),
    )
    assert chosen(warehouse) == ["i", "h", "b", "g", "c", "a"]
    assert chosen(warehouse, limit=2) == ["i", "h"]


def test_the_turns_go_on_to_the_end(warehouse, merged):
    chance = random.Random(5)
    scores = {f"{n:02d}": [chance.uniform(0.3, 1) for _ in range(chance.choice([0, 1, 1, 2, 5, 9]))] for n in range(40)}
    merged(*(photo(name, *found) for name, found in scores.items()))
    by_certainty = sorted(scores, key=lambda name: (mean(scores[name]) if scores[name] else 2, name))
    by_crowd = sorted(scores, key=lambda name: (-len(scores[name]), name))
    by_chance = sorted(scores, key=lambda name: (not scores[name], name))
    turns = [name for turn in zip(by_certainty, by_crowd, by_chance, strict=True) for name in turn]
    assert chosen(warehouse) == list(dict.fromkeys(turns))


def test_what_is_equal_is_taken_by_its_content(warehouse, merged):
    merged(*(photo(name, 0.5) for name in ("d", "b", "c", "a")))
    assert chosen(warehouse) == ["a", "b", "c", "d"]


def test_a_score_that_is_no_number_is_not_the_most_certain_nor_the_least(warehouse, merged):
    merged(photo("a", math.nan), photo("b", 0.9), photo("c", 0.2))
    assert chosen(warehouse, limit=2) == ["c", "a"]
    found = {each[0]: each[8] for each in choose_pictures(warehouse, "a run", ["ok"], 9, 9)}
    assert found["file:///a"] is None


def test_one_content_under_many_names_is_one_picture(warehouse, merged):
    merged(photo("x", 0.5, sha256=content("b")), photo("b", 0.5), photo("y", 0.5, sha256=content("b")), photo("c", 0.6))
    assert chosen(warehouse) == ["b", "c"]


def test_a_crowded_picture_shows_its_first_detections_and_counts_them_all(warehouse, merged):
    merged(photo("a", 0.9, 0.8, 0.7))
    (found,) = choose_pictures(warehouse, "a run", ["ok"], 1, 2)
    assert (found[9], [len(each) for each in found[10:16]]) == (3, [2] * 6)
    assert found[11] == [pytest.approx(0.9), pytest.approx(0.8)]


def test_only_images_of_these_outcomes_and_this_run_are_shown(warehouse, night):
    earlier = night("earlier")
    merge_chunk(warehouse, earlier.spec, earlier.chunk(0, [photo("known", 0.5), photo("other", 0.5)]))
    run = night()
    merge_catalogue(warehouse, run.spec, catalogue([photo("known", 0.5, outcome="known")]))
    merge_chunk(warehouse, run.spec, run.chunk(0, [photo("new", 0.5), photo("nothing")]))
    assert chosen(warehouse, outcomes=["ok"]) == ["new"]
    assert set(chosen(warehouse, outcomes=["ok", "empty", "known"])) == {"new", "nothing", "known"}


def test_an_image_that_the_warehouse_forgot_is_still_shown(warehouse, merged):
    merged(photo("a", 0.5, size=7))
    query(warehouse, "DELETE FROM images")
    (found,) = choose_pictures(warehouse, "a run", ["ok"], 1, 9)
    assert found[:3] == ("file:///a", 0, "")

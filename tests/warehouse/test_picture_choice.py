"""Which images of a run get a picture: the least certain, the most crowded, and others, the same ones every time."""

from __future__ import annotations

import math
import random
from statistics import mean

import pytest

from firstpass.contracts.image_reference import ImageRef
from firstpass.contracts.thresholds import Thresholds
from firstpass.warehouse.catalogue_merge import merge_catalogue
from firstpass.warehouse.merge import merge_chunk
from firstpass.warehouse.picture_choice import choose_pictures
from fixtures.made_up_runs import catalogue, query, row


def content(name: str) -> str:
    """A hash that sorts as the name does."""
    return name.ljust(64, "0")


def photo(name: str, *scores: float, **other) -> dict:
    made = row(f"file:///{name}", "ok" if scores else "empty", len(scores), scores=list(scores))
    return made | {"sha256": content(name)} | other


LIMITS = Thresholds(0.3)


def chosen(warehouse, limit: int = 100, outcomes=("ok", "empty")) -> list[str]:
    found = choose_pictures(warehouse, "a run", LIMITS, list(outcomes), limit)
    return [each.ref.uri.removeprefix("file:///") for each in found]


@pytest.fixture
def merged(warehouse, night):
    def merge(*rows: dict) -> None:
        run = night()
        merge_chunk(warehouse, run.spec, run.chunk(0, list(rows)))

    return merge


def test_a_picture_comes_with_all_that_it_needs(warehouse, merged):
    place = {"uri": "cvat:task/3#7", "task": 3, "frame": 7, "width": 64, "height": 48, "size": 99, "etag": "e"}
    rings = [[[[1, 2, 3, 4, 5, 6]]], []]
    merged(photo("a", 0.75, 0.25, polygons=rings, **place))
    (found,) = choose_pictures(warehouse, "a run", LIMITS, ["ok"], 1)
    assert found.ref == ImageRef("cvat:task/3#7", 99, "e", 64, 48, content("a"), 3, 7)
    assert found.certainty == 0.75, "of its drafts"
    assert (found.drafts.class_ids, found.drafts.scores, found.drafts.polygons) == ([1], [0.75], rings[:1])
    assert found.drafts.boxes.tolist() == [[10.5, 20.25, 110.5, 220.25]]


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
    merged(photo("a", math.nan), photo("b", 0.9), photo("c", 0.35))
    assert chosen(warehouse) == ["c", "b", "a"]
    found = {each.ref.uri: each.certainty for each in choose_pictures(warehouse, "a run", LIMITS, ["ok", "empty"], 9)}
    assert found["file:///a"] is None


def test_one_content_under_many_names_is_one_picture(warehouse, merged):
    merged(photo("x", 0.5, sha256=content("b")), photo("b", 0.5), photo("y", 0.5, sha256=content("b")), photo("c", 0.6))
    assert chosen(warehouse) == ["b", "c"]


def test_only_drafts_count(warehouse, merged):
    """Below the threshold there may be any number: they neither make a picture crowded nor uncertain."""
    merged(photo("a", 0.9, *[0.29] * 9), photo("b", 0.8, 0.7), photo("c", 0.31))
    assert chosen(warehouse) == ["c", "b", "a"]


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
    (found,) = choose_pictures(warehouse, "a run", LIMITS, ["ok"], 1)
    assert (found.ref.uri, found.ref.size, found.ref.etag) == ("file:///a", 0, "")

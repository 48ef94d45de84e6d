"""Where each image was seen last. More of it is told by the merges, in test_merge.py."""

from __future__ import annotations

import pytest

from firstpass.contracts.thresholds import Thresholds
from firstpass.warehouse.connection import transaction
from firstpass.warehouse.seen_images import renew_images
from fixtures.made_up_runs import VERSION, query

COLUMNS = "uri, sha256, etag, size, model, run_id, seen_at"


def see(warehouse, run, **other) -> None:
    image = {"uri": "file:///a", "sha256": "a" * 64, "etag": "e", "size": 5, "model": VERSION.ref} | other
    values = [*image.values(), run.spec.run_id, run.spec.started_at]
    with transaction(warehouse) as cur:
        cur.execute("CREATE TEMPORARY TABLE seen_now (LIKE images) ON COMMIT DROP")
        cur.execute(f"INSERT INTO seen_now ({COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s)", values)
        renew_images(cur, run.spec.run_id, "seen_now")


@pytest.mark.parametrize("news", [{"sha256": "b" * 64}, {"sha256": None}, {"etag": "f"}, {"size": 6}, {"model": None}])
def test_news_take_the_place_of_what_was_there(warehouse, night, news):
    first, second = night("first"), night("second")
    see(warehouse, first)
    see(warehouse, second, **news)
    (name,) = news
    assert query(warehouse, f"SELECT run_id, {name} FROM images") == [("second", news[name])]


def test_what_is_no_news_stays_and_so_does_what_a_later_run_saw(warehouse, night):
    first, second, third = night("first"), night("second"), night("third")
    see(warehouse, second)
    see(warehouse, third)
    see(warehouse, first, etag="older")
    assert query(warehouse, "SELECT run_id, etag FROM images") == [("second", "e")]


def test_other_thresholds_are_news(warehouse, night):
    first, second = night("first"), night("second", thresholds=Thresholds(0.3, {2: 0.9}))
    see(warehouse, first)
    see(warehouse, second)
    assert query(warehouse, "SELECT run_id FROM images") == [("second",)]

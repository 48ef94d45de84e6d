"""Series and their listings. What they are for, test_catalogue_merge.py tells."""

from __future__ import annotations

from dataclasses import replace

from firstpass.warehouse.catalogue_merge import merge_catalogue
from firstpass.warehouse.merge_turn import turn
from firstpass.warehouse.standing_outcomes import next_listing
from fixtures.made_up_runs import catalogue, query, row


def following(warehouse, run_id):
    with turn(warehouse) as cur:
        return next_listing(cur, run_id)


def test_the_next_listing_comes_after_all_that_there_are(warehouse, night):
    first, second = night("first"), night("second")
    assert following(warehouse, "first") is None
    merge_catalogue(warehouse, first.spec, [])
    series, listing = following(warehouse, "first")
    assert listing == 2
    merge_catalogue(warehouse, second.spec, [])
    assert following(warehouse, "first") == following(warehouse, "second") == (series, 3)


def test_a_run_that_reprocesses_has_no_next_listing(warehouse, night):
    run = night()
    merge_catalogue(warehouse, replace(run.spec, reprocess=True), [])
    assert following(warehouse, "a run") is None


def test_a_run_that_is_deleted_takes_its_listing_along_and_leaves_the_series(warehouse, night):
    first, second = night("first"), night("second")
    for run in (first, second):
        merge_catalogue(warehouse, run.spec, catalogue([row("file:///a", "known")]))
    query(warehouse, "DELETE FROM runs WHERE run_id = 'first'")
    assert query(warehouse, "SELECT run_id, uri FROM run_images") == [("second", "file:///a")]
    assert following(warehouse, "second")[1] == 3

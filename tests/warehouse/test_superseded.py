"""Predictions that nobody uses: only of versions without a kept run, and never one that is current."""

from __future__ import annotations

import threading
from contextlib import closing
from dataclasses import replace

import psycopg2
import pytest

from firstpass.warehouse import superseded
from firstpass.warehouse.runs import begin_run
from fixtures.made_up_runs import VERSION, query, row

NEWER = replace(VERSION, version="ba9876543210")


@pytest.fixture
def versions(warehouse, finished_run):
    """Three images by the old version; two of them by the new one since."""
    images = [row(f"file:///{n}") for n in range(3)]
    finished_run(images)
    finished_run(images[:2], version=NEWER)


def retire(warehouse) -> None:
    query(warehouse, "UPDATE runs SET pruned_at = now() WHERE model = %s", VERSION.ref)


def test_a_version_retires_with_its_last_run(warehouse, versions):
    assert superseded.retired_models(warehouse) == []
    assert superseded.retired_models(warehouse, ["run 1"]) == [VERSION.ref]
    retire(warehouse)
    assert superseded.retired_models(warehouse) == [VERSION.ref]


def test_what_is_current_stays(warehouse, versions):
    retire(warehouse)
    assert superseded.count_superseded(warehouse, VERSION.ref) == 2
    assert superseded.prune_superseded(warehouse, VERSION.ref) == 2
    assert superseded.prune_superseded(warehouse, VERSION.ref) == 0
    left = query(warehouse, "SELECT model, count(*) FROM predictions GROUP BY 1 ORDER BY 1")
    assert left == [(VERSION.ref, 1), (NEWER.ref, 2)]


def test_a_run_that_begins_meanwhile_keeps_all_that_is_left(warehouse, warehouse_dsn, versions):
    """It is opened while the removal waits for it: what its catalogue will call known is there."""
    retire(warehouse)
    removed: list[int] = []
    with closing(psycopg2.connect(warehouse_dsn)) as other, closing(psycopg2.connect(warehouse_dsn)) as third:
        with other.cursor() as cur:
            cur.execute(
                "INSERT INTO runs (run_id, model, asked_model, images_uri, source, spec, state, stages, started_at)"
                " VALUES ('again', %s, '', '/', '/', '{}', 'running', '{}', now())",
                [VERSION.ref],
            )
        thread = threading.Thread(target=lambda: removed.append(superseded.prune_superseded(warehouse, VERSION.ref)))
        thread.start()
        while not query(third, "SELECT 1 FROM pg_locks WHERE NOT granted"):
            pass
        other.commit()
        thread.join()
    assert removed == [0]
    assert len(query(warehouse, "SELECT 1 FROM predictions")) == 5


def test_a_pruned_run_goes_when_nothing_rests_on_it_any_more(warehouse, versions):
    retire(warehouse)
    superseded.prune_superseded(warehouse, VERSION.ref)
    assert superseded.forget_runs(warehouse, VERSION.ref, ()) == 0
    query(warehouse, "DELETE FROM images WHERE model = %s", VERSION.ref)
    superseded.prune_superseded(warehouse, VERSION.ref)
    assert superseded.forget_runs(warehouse, VERSION.ref, ()) == 1
    assert query(warehouse, "SELECT run_id FROM runs") == [("run 2",)]


def test_a_run_that_begins_after_all_is_opened(warehouse, versions, night):
    retire(warehouse)
    superseded.prune_superseded(warehouse, VERSION.ref)
    begin_run(warehouse, night("again").spec, VERSION)
    assert superseded.retired_models(warehouse) == []

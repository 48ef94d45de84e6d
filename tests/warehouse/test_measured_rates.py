"""Planning learns: how fast chunks really were on which machine, and which images brought one down."""

from __future__ import annotations

import json

import pytest

from firstpass import storage
from firstpass.warehouse.measured_rates import measured
from firstpass.warehouse.merge import fail_chunk, merge_chunk
from firstpass.warehouse.outcomes import failed_last_time
from firstpass.warehouse.runs import finish_run
from fixtures.made_up_runs import VERSION, row


def merged(warehouse, run, index: int, images: int = 100, **marker) -> None:
    """A merged chunk whose done-marker says this too."""
    chunk = run.chunk(index, [row(f"file:///{run.spec.run_id}/{index}/{i}") for i in range(images)])
    storage.write(chunk.done_uri, json.dumps(json.loads(storage.read(chunk.done_uri)) | marker).encode())
    merge_chunk(warehouse, run.spec, chunk)


def test_the_median_of_each_machine_is_what_the_next_plan_counts_on(warehouse, night):
    run = night()
    for index, rate in enumerate((10.0, 1000.0, 20.0)):
        merged(warehouse, run, index, images_per_second=rate, pixels=1e6, device="Tesla V100-SXM2-16GB")
    merged(warehouse, run, 3, images_per_second=5.0, pixels=2e6, device="cpu")
    rates = measured(warehouse, VERSION.ref)
    assert rates(VERSION.ref, "v100") == (20.0, 1e6)
    assert rates(VERSION.ref, "cpu") == (5.0, 2e6)
    assert rates(VERSION.ref, "t4") is None
    assert rates("other@1", "cpu") is None


@pytest.mark.parametrize(
    "marker",
    [
        {},
        {"images_per_second": None, "pixels": 1e6, "device": "cpu"},
        {"images_per_second": 9.0, "pixels": None, "device": "cpu"},
        {"images_per_second": 9.0, "pixels": 1e6, "device": "cpu", "resumed": 50},
    ],
)
def test_a_chunk_that_measured_nothing_teaches_nothing(warehouse, night, marker):
    merged(warehouse, night(), 0, **marker)
    assert measured(warehouse, VERSION.ref)(VERSION.ref, "cpu") is None


def test_a_chunk_of_a_few_images_teaches_nothing(warehouse, night):
    merged(warehouse, night(), 0, images=8, images_per_second=0.5, pixels=1e6, device="cpu")
    assert measured(warehouse, VERSION.ref)(VERSION.ref, "cpu") is None


def test_images_of_a_chunk_that_failed_are_remembered_until_the_next_run_over_them(warehouse, night):
    first = night("first")
    fail_chunk(
        warehouse, first.spec, first.chunk(0, [row("file:///a"), row("file:///b")], write=False), "out of memory"
    )
    merged(warehouse, first, 1)
    finish_run(warehouse, "first", "partial")
    elsewhere = night("elsewhere", images="/other")
    assert failed_last_time(warehouse, elsewhere.spec) == set()
    second = night("second")
    assert failed_last_time(warehouse, second.spec) == {"file:///a", "file:///b"}
    finish_run(warehouse, "second", "success")
    assert failed_last_time(warehouse, night("third").spec) == set()


def test_a_run_that_broke_off_does_not_hide_the_one_before(warehouse, night):
    first = night("first")
    fail_chunk(warehouse, first.spec, first.chunk(0, [row("file:///a")], write=False), "out of memory")
    finish_run(warehouse, "first", "partial")
    night("second")
    finish_run(warehouse, "second", "failed")
    assert failed_last_time(warehouse, night("third").spec) == {"file:///a"}

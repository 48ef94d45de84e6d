"""Planning learns how fast chunks really were, on which machine."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from firstpass import storage
from firstpass.settings import settings
from firstpass.warehouse.measured_rates import measured
from firstpass.warehouse.merge import merge_chunk
from firstpass.warehouse.runs import begin_run
from fixtures.made_up_runs import VERSION, query, row

REF = VERSION.ref
PHOTO = {"pixels": 1e6, "device": "cpu"}


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
    rates = measured(warehouse, REF)
    assert rates(REF, "v100") == (20.0, 1e6)
    assert rates(REF, "cpu") == (5.0, 2e6)
    assert rates(REF, "t4") is None
    assert rates("other@1", "cpu") is None


def test_the_size_of_their_images_is_the_mean(warehouse, night):
    run = night()
    for index, pixels in enumerate((1e6, 2e6, 6e6)):
        merged(warehouse, run, index, images_per_second=4.0, pixels=pixels, device="cpu")
    assert measured(warehouse, REF)(REF, "cpu") == (4.0, 3e6)


def test_the_two_hundred_newest_chunks_count(warehouse, night):
    """From new to old: 100 at 10 images per second, 100 at 20, and 1000 at 30, which was another machine."""
    night()
    query(
        warehouse,
        "INSERT INTO chunks (run_id, chunk, state, images, marker, changed_at)"
        " SELECT 'a run', n, 'merged', 100, jsonb_build_object('device', 'cpu', 'pixels', 1e6,"
        " 'images_per_second', CASE WHEN n < 100 THEN 10 WHEN n < 200 THEN 20 ELSE 30 END),"
        " timestamptz '2026-02-01' - make_interval(mins => n) FROM generate_series(1199, 0, -1) AS n",
    )
    assert measured(warehouse, REF)(REF, "cpu") == (15.0, 1e6)


@pytest.mark.parametrize(
    "marker",
    [
        {},
        {"images_per_second": None, "pixels": 1e6, "device": "cpu"},
        {"images_per_second": 0.0, "pixels": 1e6, "device": "cpu"},
        {"images_per_second": 9.0, "pixels": None, "device": "cpu"},
        {"images_per_second": 9.0, "pixels": 0.0, "device": "cpu"},
        {"images_per_second": 9.0, "pixels": 1e6, "device": "cpu", "resumed": 1},
    ],
)
def test_a_chunk_that_measured_nothing_teaches_nothing(warehouse, night, marker):
    merged(warehouse, night(), 0, **marker)
    assert measured(warehouse, REF)(REF, "cpu") is None


def test_even_the_slowest_chunk_teaches_something(warehouse, night):
    merged(warehouse, night(), 0, images_per_second=0.001, pixels=0.5, device="cpu")
    assert measured(warehouse, REF)(REF, "cpu") == (0.001, 0.5)


def test_a_chunk_of_fewer_than_a_hundred_images_teaches_nothing(warehouse, night):
    merged(warehouse, night(), 0, images=99, images_per_second=0.5, **PHOTO)
    assert measured(warehouse, REF)(REF, "cpu") is None


def test_what_this_attempt_inferred_counts_and_not_what_an_earlier_one_had_finished(warehouse, night):
    merged(warehouse, night(), 0, images=101, images_per_second=0.5, resumed=1, **PHOTO)
    assert measured(warehouse, REF)(REF, "cpu") == (0.5, 1e6)


@pytest.mark.parametrize("marker", [{}, {"device": None}, {"device": "cpu", "gpus_asked": 1}])
def test_a_chunk_on_an_unknown_or_a_wrong_device_teaches_nothing(warehouse, night, marker):
    merged(warehouse, night(), 0, images_per_second=9.0, pixels=1e6, **marker)
    assert measured(warehouse, REF)(REF, "cpu") is None


def test_of_two_devices_of_one_profile_the_newest_counts_alone(warehouse, night):
    run = night()
    merged(warehouse, run, 0, images_per_second=9.0, pixels=1e6, device="Tesla V100-SXM2-16GB", gpus_asked=1)
    merged(warehouse, run, 1, images_per_second=5.0, pixels=1e6, device="Tesla V100-PCIE-32GB", gpus_asked=1)
    assert measured(warehouse, REF)(REF, "v100") == (5.0, 1e6)


def test_another_version_of_the_model_teaches_nothing(warehouse, night):
    run = night()
    newer = replace(VERSION, version="fedcba987654")
    begin_run(warehouse, replace(run.spec, model=newer.ref), newer)
    merged(warehouse, run, 0, images_per_second=9.0, **PHOTO)
    assert measured(warehouse, REF)(REF, "cpu") is None
    assert measured(warehouse, newer.ref)(newer.ref, "cpu") == (9.0, 1e6)


def test_a_machine_of_the_settings_is_learned_under_its_name(warehouse, night, monkeypatch):
    run = night()
    monkeypatch.setenv("FIRSTPASS_MACHINES", '{"l4": {"memory_gib": 24, "speed": 1.1}}')
    settings.cache_clear()
    merged(warehouse, run, 0, images_per_second=9.0, pixels=1e6, device="NVIDIA L4")
    assert measured(warehouse, REF)(REF, "l4") == (9.0, 1e6)

"""Every new image in exactly one chunk; chunks of equal cost, not too short and not too many, always the same ones."""

from __future__ import annotations

from itertools import pairwise

import pyarrow as pa
import pytest

from firstpass import storage
from firstpass.chunks.estimate import Estimate
from firstpass.chunks.planning import image_pixels, plan, read_chunks, shapes
from firstpass.errors import FirstpassError

PHOTO = (1280, 960)


def rate(images_per_second: float):
    """Learned from earlier runs on photographs of that size."""
    return lambda model, machine: (images_per_second, 1280.0 * 960.0)


def test_every_image_of_the_catalogue_is_planned(catalogue, spec, version):
    planned = plan(catalogue(PHOTO, PHOTO), spec, version)
    (chunk,) = planned
    assert [image.uri for image in chunk.images] == ["file:///photos/000000.jpg", "file:///photos/000001.jpg"]
    assert (chunk.run_id, chunk.model, chunk.model_uri) == ("night-1", spec.model, "/m")
    assert (chunk.floor, chunk.revision, chunk.seal) == (0.2, 2, None)
    assert chunk.output_uri == f"{spec.uri}/results/00000.parquet"
    assert chunk.batch_size == 8


def test_nothing_new_is_no_chunk(catalogue, spec, version):
    planned = plan(catalogue(), spec, version)
    assert len(planned) == 0
    assert planned.estimate is None
    assert planned.save() == []


def test_short_work_is_one_chunk_and_long_work_is_many(catalogue, spec, version):
    """20 times the start-up of 12 s at 30 ms per image: 8,000 photographs fill a chunk."""
    assert len(plan(catalogue(*[PHOTO] * 8), spec, version)) == 1
    assert len(plan(catalogue(*[PHOTO] * 7_900), spec, version)) == 1
    assert len(plan(catalogue(*[PHOTO] * 16_100), spec, version)) == 2


def test_the_number_of_chunks_is_bounded(catalogue, spec, version, configure):
    table = catalogue(*[PHOTO] * 9000)
    assert len(plan(table, spec, version, measured=rate(0.4))) == 93
    assert len(plan(table, spec, version, measured=rate(0.1))) == 200
    configure(workers=1024)
    assert len(plan(table, spec, version, measured=rate(0.1))) == 375
    assert len(plan(table, spec, version, measured=rate(0.01))) == 1024


def test_no_worker_idles_in_the_last_round(catalogue, spec, version, configure):
    """At one image per second a chunk is 240 photographs or more."""
    configure(workers=4)
    for images, chunks in ((200, 1), (800, 3), (1000, 4), (1700, 4), (1930, 8), (2200, 8)):
        assert len(plan(catalogue(*[PHOTO] * images), spec, version, measured=rate(1.0))) == chunks, images


def test_big_images_cost_more(catalogue, spec, version):
    table = catalogue(*[PHOTO] * 900, *[(6000, 4000)] * 100)
    planned = plan(table, spec, version, measured=rate(1.0))
    assert len(planned) == 6
    big = [sum(image.width == 6000 for image in chunk.images) for chunk in planned]
    small = [sum(image.width == 1280 for image in chunk.images) for chunk in planned]
    assert sum(big) == 100
    assert sum(small) == 900
    cost = [1.0 * s + (0.65 + 0.35 * 24_000_000 / 1_228_800) * b for s, b in zip(small, big, strict=True)]
    assert cost == sorted(cost, reverse=True)
    assert max(cost) < 1.05 * min(cost)


def test_equal_shapes_are_neighbours(catalogue, spec, version):
    table = catalogue(*[PHOTO, (960, 1280), (640, 480)] * 20)
    (chunk,) = plan(table, spec, version)
    widths = [image.width for image in chunk.images]
    assert sum(a != b for a, b in pairwise(widths)) == 2


def test_images_whose_chunk_failed_come_first_and_alone(catalogue, spec, version):
    table = catalogue(*[PHOTO] * 6)
    first, second = plan(table, spec, version, urgent={"file:///photos/000004.jpg", "file:///gone.jpg"})
    assert [image.uri for image in first.images] == ["file:///photos/000004.jpg"]
    assert len(second.images) == 5


def test_the_same_catalogue_gives_the_same_chunks(catalogue, spec, version):
    sizes = [(100 + i % 7, 200) if i % 3 else None for i in range(500)]
    one, two = (list(plan(catalogue(*sizes), spec, version)) for _ in range(2))
    assert [chunk.to_json() for chunk in one] == [chunk.to_json() for chunk in two]


def test_manifests_are_written_and_read_in_order(catalogue, spec, version):
    planned = plan(catalogue(*[PHOTO] * 1000), spec, version, measured=rate(1.0))
    uris = planned.save()
    assert uris == [f"{spec.uri}/chunks/{i:05d}.json" for i in range(4)]
    assert list(read_chunks(spec.uri)) == list(planned)
    assert Estimate.load(spec.uri) == planned.estimate
    assert planned.estimate.minutes == pytest.approx(4 * (250 + 12) / 60, rel=0.01)


def test_planning_again_leaves_no_chunk_of_the_first_time(catalogue, spec, version):
    plan(catalogue(*[PHOTO] * 1000), spec, version, measured=rate(1.0)).save()
    plan(catalogue(*[PHOTO] * 10), spec, version).save()
    assert [len(chunk.images) for chunk in read_chunks(spec.uri)] == [10]


def test_settings_choose_batch_and_machine(catalogue, spec, version, configure):
    configure(machine="v100")
    assert plan(catalogue(*[PHOTO] * 8), spec, version).batch_size == 32
    configure(batch_size=3)
    assert plan(catalogue(*[PHOTO] * 8), spec, version).batch_size == 3
    configure(machine="abacus")
    with pytest.raises(FirstpassError, match="no machine profile 'abacus'"):
        plan(catalogue(PHOTO), spec, version)


def test_unread_headers_are_guessed_from_the_size(catalogue):
    (table,) = catalogue(PHOTO, None).parts()
    assert image_pixels(table).tolist() == [1280 * 960, 1_200_000]
    assert shapes(table)[1] == 0


def test_a_batch_is_chosen_for_the_mean_image(catalogue, spec, version):
    """Three of 1 megapixel and one of 400: of the mean, 101, four fit into the CPU's memory."""
    table = catalogue(*[(1000, 1000)] * 3, (20_000, 20_000))
    assert plan(table, spec, version).batch_size == 4
    assert plan(catalogue((1000, 1000)), spec, version).batch_size == 8


def test_urgent_images_are_as_many_chunks_as_they_cost(catalogue, spec, version):
    table = catalogue(*[PHOTO] * 1000)
    urgent = [f"file:///photos/{n:06d}.jpg" for n in range(0, 1000, 2)]
    planned = list(plan(table, spec, version, rate(1.0), urgent))
    assert len(planned) == 4
    assert {image.uri for chunk in planned[:2] for image in chunk.images} == set(urgent)
    assert [chunk.index for chunk in planned] == [0, 1, 2, 3]


def test_the_estimate_is_of_all_that_is_planned(catalogue, spec, version, configure):
    configure(workers=2, machine="k80")
    table = catalogue(*[PHOTO] * 2000)
    planned = plan(table, spec, version, rate(1.0), urgent=["file:///photos/000001.jpg"])
    made = planned.estimate
    assert (made.images, made.chunks, made.workers, made.machine) == (2000, len(planned), 2, "k80")
    assert made.chunks == 3
    assert made.minutes == pytest.approx(2 * (2000 / 3 + 45) / 60, abs=0.01)
    assert (made.batch_size, made.source) == (planned.batch_size, f"measured in earlier runs of {spec.model} on k80")


def test_only_manifests_are_read_back(catalogue, spec, version):
    plan(catalogue(*[PHOTO] * 10), spec, version).save()
    storage.write(f"{spec.uri}/chunks/notes.txt", b"not a manifest")
    assert len(list(read_chunks(spec.uri))) == 1


def test_shapes_are_told_apart_by_width_and_height(catalogue):
    sizes = [(1, 2), (2, 1), (1, 2), (3, 2), (1, 65536 * 4), None]
    found = [shape for part in catalogue(*sizes).parts() for shape in shapes(part).tolist()]
    assert len(set(found)) == 5
    assert found[0] == found[2]


def test_an_image_with_half_a_header_is_guessed_too(catalogue):
    (table,) = catalogue((100, 100), (10, 10)).parts()
    half = pa.array([None, 10], pa.int32())
    assert image_pixels(table.set_column(5, "height", half)).tolist() == [1_200_000, 100]

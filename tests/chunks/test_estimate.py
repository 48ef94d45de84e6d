"""Estimates: the published table from its stated rates, and Firstpass's own from what was measured."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

from firstpass.chunks import cost_model, profiles
from firstpass.chunks.estimate import Estimate, assemble, expected, published
from firstpass.cli.estimate import estimate
from firstpass.errors import FirstpassError

PIXELS = 1280 * 960


def table(machine: str, gpus: int = 1, uncompressed: bool = False):
    network = profiles.network("ssd-mobilenet-v2")
    return published(3550, PIXELS, network, profiles.machine(machine), gpus, uncompressed)


@pytest.mark.parametrize(("machine", "gpus", "minutes"), [("k80", 1, 160), ("v100", 1, 80), ("v100", 4, 21)])
def test_the_published_table(machine, gpus, minutes):
    found = table(machine, gpus)
    assert found.minutes == pytest.approx(minutes, abs=0.001)
    assert found.gpu_hours == pytest.approx(minutes * gpus / 60, rel=0.01)
    assert "published" in found.source


def test_the_published_table_says_how_it_was_come_by():
    assert table("k80").source == "published: 2.70 s per image, start-up included"
    assert table("v100", 4).source == "published: 1.35 s per image, start-up included, 95% of 4 times one"
    assert table("v100", 2).minutes == pytest.approx(80 / 2 / (80 / 84), abs=0.01)
    assert table("v100", 4).chunks % 4 == 0
    assert (table("v100").images, table("v100").batch_size, table("v100").machine) == (3550, 32, "v100")


def test_larger_images_take_longer_by_their_reading_alone():
    network = profiles.network("ssd-mobilenet-v2")
    larger = published(3550, 3 * PIXELS, network, profiles.machine("k80"))
    assert larger.minutes == pytest.approx(160 * (1 + 2 * network.pixel_share), abs=0.01)


def test_uncompressed_frames_take_5_to_6_percent_more():
    assert table("k80", uncompressed=True).minutes == pytest.approx(160 * 1.055, abs=0.01)


def test_what_is_not_in_the_table_is_not_published():
    assert table("h100") is None
    assert published(10, PIXELS, profiles.network("mask-rcnn"), profiles.machine("k80")) is None


def test_measured_rates_replace_the_defaults():
    network, v100 = profiles.network("nanodet-coco"), profiles.machine("v100")
    learned = expected(
        10_000, PIXELS, network, v100, model="nanodet-coco@1", measured=lambda *_: (100.0, float(PIXELS))
    )
    assert learned.minutes == pytest.approx((100 + 45) / 60, rel=0.01)
    assert learned.source == "measured in earlier runs of nanodet-coco@1 on v100"
    assert "scaled to v100" in expected(10_000, PIXELS, network, v100).source


def test_chunks_run_in_rounds_each_with_a_start_up():
    made = assemble(100, 1000.0, 5, 8, profiles.machine("k80"), 2, "made up")
    seconds = 3 * (200 + 45)
    assert made == Estimate(100, "k80", 2, round(seconds / 60, 2), 5, 8, round(2 * seconds / 3600, 3), 0.14, "made up")


def test_no_more_gpus_are_paid_for_than_there_are_chunks_and_none_on_cpus():
    k80, cpu = profiles.machine("k80"), profiles.machine("cpu")
    assert assemble(100, 3555.0, 1, 8, k80, 4, "").gpu_hours == 1.0
    assert assemble(100, 3555.0, 1, 8, cpu, 4, "").gpu_hours == 0


def test_no_chunk_is_empty():
    network, cpu = profiles.network("ssd-mobilenet-v2"), profiles.machine("cpu")
    slowly = expected(3, PIXELS, network, cpu, measured=lambda *_: (0.0001, float(PIXELS)))
    assert slowly.chunks == 3


@pytest.mark.parametrize(("images", "pixels"), [(0, PIXELS), (1, 0), (-1, 1), (1, 0.5)])
@pytest.mark.parametrize("estimated", [expected, published])
def test_there_is_no_estimate_of_nothing(estimated, images, pixels):
    with pytest.raises(FirstpassError, match="at least one image of at least one pixel"):
        estimated(images, pixels, profiles.network("ssd-mobilenet-v2"), profiles.machine("k80"))
    assert estimated(1, 1, profiles.network("ssd-mobilenet-v2"), profiles.machine("k80")).images == 1


def test_an_estimate_is_kept_beside_the_run_and_one_that_was_not_made_is_none(tmp_path):
    made = assemble(100, 1000.0, 5, 8, profiles.machine("k80"), 2, "made up")
    assert Estimate.load(str(tmp_path)) is None
    made.save(str(tmp_path))
    assert Estimate.load(str(tmp_path)) == made
    assert (tmp_path / "estimate.json").is_file()


def test_people_read_it_in_a_line():
    k80 = profiles.machine("k80")
    assert str(assemble(100, 1000.0, 5, 8, k80, 2, "made up")) == (
        "about 12.2 min for 100 images in 5 chunks on 2 × k80, batches of 8, 0.1 images/s; made up"
    )
    assert "100 images in 1 chunk on" in str(assemble(100, 1000.0, 1, 8, k80, 2, "made up"))


def test_what_is_expected_is_made_of_the_rate_the_rounds_and_the_batches():
    network, cpu = profiles.network("nanodet-coco"), profiles.machine("cpu")
    each = cost_model.image_seconds(cost_model.rate(network, cpu), network, np.array([2.0 * PIXELS]))[0]
    found = expected(100_000, 2.0 * PIXELS, network, cpu, 3)
    chunks = cost_model.chunk_count(100_000 * each, cpu.start_up, 3)
    assert found == assemble(100_000, 100_000 * each, chunks, found.batch_size, cpu, 3, network.source)
    assert found.batch_size == cost_model.batch_size(network, cpu, 2.0 * PIXELS)


def test_large_images_make_smaller_batches():
    network, cpu = profiles.network("faster-rcnn-inception-v2"), profiles.machine("k80")
    sizes = [expected(9, pixels, network, cpu).batch_size for pixels in (PIXELS, 100e6)]
    assert sizes[0] > sizes[1]


def test_more_workers_share_the_rounds():
    network, cpu = profiles.network("nanodet-coco"), profiles.machine("cpu")
    one, four = (expected(100_000, PIXELS, network, cpu, workers) for workers in (1, 4))
    assert four.minutes == pytest.approx(one.minutes / 4, rel=0.05)
    assert four.gpu_hours == 0


def test_start_up_is_at_most_5_percent_of_a_long_night():
    network = profiles.network("ssd-mobilenet-v2")
    for name in profiles.MACHINES:
        machine = profiles.machine(name)
        found = expected(1_000_000, PIXELS, network, machine)
        assert found.chunks * machine.start_up <= 0.05 * found.minutes * 60
        assert found.chunks <= 200


def test_the_command_knows_what_chunks_of_a_model_reached(monkeypatch):
    from firstpass.warehouse import connection, measured_rates

    class Nothing:
        def close(self):
            pass

    monkeypatch.setattr(connection, "connect", lambda patience: Nothing())
    monkeypatch.setattr(measured_rates, "measured", lambda conn, model: lambda model, machine: (2.0, float(PIXELS)))
    answer = json.loads(ask("--model", "nanodet-coco", "--json").output)
    assert answer["minutes"] == pytest.approx(3550 / 2 / 60, rel=0.1)
    assert "measured in earlier runs of nanodet-coco@" in answer["source"]


def ask(*arguments: str):
    return CliRunner().invoke(estimate, ["--images", "3550", "--model", "ssd-mobilenet-v2", *arguments])


def test_the_command_answers_machines():
    answer = json.loads(ask("--machine", "v100", "--gpus", "4", "--resolution", "1280x960", "--json").output)
    assert round(answer["minutes"]) == 21
    assert answer["chunks"] >= 1
    assert answer["batch_size"] == 32
    assert answer["gpu_hours"] == pytest.approx(1.4)
    assert [each["machine"] for each in answer["beside"]] == ["v100", "cpu"]


def test_the_command_answers_people():
    output = ask("--machine", "k80").output
    assert "published table: 2.67 GPU-hours, about 160.0 min for 3550 images" in output
    assert "firstpass on one CPU machine: about" in output
    assert "published" not in ask("--machine", "cpu").output


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--machine", "abacus"), "there is no machine profile 'abacus'"),
        (("--resolution", "1280"), "--resolution is '1280'"),
        (("--resolution", "0x0"), "--resolution is '0x0'"),
        (("--model", "no-such-model"), "no model 'no-such-model'"),
    ],
)
def test_the_command_says_what_it_does_not_know(arguments, problem):
    result = ask(*arguments)
    assert isinstance(result.exception, FirstpassError)
    assert problem in result.exception.problem

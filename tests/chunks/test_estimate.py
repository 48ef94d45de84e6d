"""Estimates: the published table from its stated rates, and Firstpass's own from what was measured."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner

from firstpass.chunks import cost_model, profiles
from firstpass.chunks.estimate import expected, published
from firstpass.cli.estimate import estimate
from firstpass.errors import FirstpassError

PIXELS = 1280 * 960


def table(machine: str, gpus: int = 1, uncompressed: bool = False):
    network = profiles.network("ssd-mobilenet-v2")
    return published(3550, PIXELS, network, profiles.machine(machine), gpus, uncompressed)


@pytest.mark.parametrize(("machine", "gpus", "minutes"), [("k80", 1, 160), ("v100", 1, 80), ("v100", 4, 21)])
def test_the_published_table(machine, gpus, minutes):
    found = table(machine, gpus)
    assert round(found.minutes) == minutes
    assert found.gpu_hours == pytest.approx(minutes * gpus / 60, rel=0.01)
    assert "published" in found.source


def test_uncompressed_frames_take_5_to_6_percent_more():
    assert 1.05 <= table("k80", uncompressed=True).minutes / table("k80").minutes <= 1.06


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


def test_a_rate_measured_on_big_images_is_brought_down_to_small_ones():
    network, cpu = profiles.network("nanodet-coco"), profiles.machine("cpu")
    big = cost_model.rate(network, cpu, "m@1", lambda *_: (10.0, 4.0 * PIXELS))
    assert big.seconds == pytest.approx(0.1 / (0.65 + 0.35 * 4))


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


def test_batches_fill_the_memory_and_no_more():
    mask = profiles.network("mask-rcnn")
    sizes = {name: cost_model.batch_size(mask, profiles.machine(name)) for name in ("k80", "v100", "a100", "h100")}
    assert sizes == {"k80": 4, "v100": 8, "a100": 16, "h100": 32}
    assert cost_model.batch_size(profiles.network("ssd-mobilenet-v2"), profiles.machine("cpu")) == 8


def test_a_model_too_big_for_the_machine_is_told_at_planning(configure):
    configure(machines='{"toy": {"memory_gib": 2, "speed": 0.5}}')
    with pytest.raises(FirstpassError, match=r"mask-rcnn does not fit toy: it needs \d\.\d GiB .* 1\.8 GiB are there"):
        cost_model.batch_size(profiles.network("mask-rcnn"), profiles.machine("toy"))


def test_machines_come_from_settings_too(configure):
    configure(machines='{"l4": {"memory_gib": 24, "speed": 1.1, "batch_limit": 16}}')
    assert profiles.machine("l4").memory == 24 * 2**30
    assert profiles.machine_of("NVIDIA L4") == "l4"
    with pytest.raises(FirstpassError, match="no machine profile 'p100'") as error:
        profiles.machine("p100")
    assert "cpu, k80, t4, v100, a10g, a100, h100, l4" in error.value.fix


@pytest.mark.parametrize("text", ["{", "[]", '{"l4": {}}', '{"l4": {"memory_gib": "x", "speed": 1}}', '{"l4": 3}', "7"])
def test_a_setting_that_is_no_table_says_so(configure, text):
    configure(machines=text)
    with pytest.raises(FirstpassError, match="FIRSTPASS_MACHINES is not a table of machines"):
        profiles.machine("l4")


@pytest.mark.parametrize(
    ("device", "name"),
    [
        ("cpu", "cpu"),
        ("Tesla K80", "k80"),
        ("Tesla T4", "t4"),
        ("Tesla V100-SXM2-16GB", "v100"),
        ("NVIDIA A10G", "a10g"),
        ("NVIDIA A100-SXM4-40GB", "a100"),
        ("NVIDIA H100 80GB HBM3", "h100"),
        ("NVIDIA GeForce RTX 4090", "nvidia geforce rtx 4090"),
    ],
)
def test_drivers_names_for_devices(device, name):
    assert profiles.machine_of(device) == name


def test_a_model_of_the_store_is_like_its_kind(version):
    own = profiles.network_of(replace(version, name="ours"))
    assert own.cpu_seconds == profiles.network("ssd-mobilenet-v2").cpu_seconds
    assert own.weights == 8_000_000
    assert "taken to be like ssd-mobilenet-v2" in own.source
    assert profiles.network_of(version).cpu_seconds == profiles.network("nanodet-coco").cpu_seconds


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

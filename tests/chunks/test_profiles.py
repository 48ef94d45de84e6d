"""What machines and networks are like: built in, from the settings, and by what a driver calls a device."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from firstpass.chunks import profiles
from firstpass.chunks.profiles import GIB, MachineProfile
from firstpass.contracts.model_version import ModelFile
from firstpass.errors import FirstpassError

# GPU → memory in GiB and its bandwidth in GB/s, by their data sheets.
GPUS = {
    "k80": (12, 240),
    "t4": (16, 320),
    "v100": (16, 900),
    "a10g": (24, 600),
    "a100": (40, 1555),
    "h100": (80, 3350),
}


def test_a_gpu_is_as_fast_as_the_root_of_its_memory_s_bandwidth():
    """Within four hundredths: the V100's speed is the published one."""
    for name, (gib, bandwidth) in GPUS.items():
        machine = profiles.machine(name)
        assert (machine.name, machine.memory) == (name, gib * GIB)
        assert machine.speed == pytest.approx(math.sqrt(bandwidth / 240), rel=0.04), name
    assert profiles.machine("k80").speed == 1.0
    assert profiles.machine("v100").speed == 2.0


def test_a_cpu_has_rates_of_its_own_and_starts_sooner():
    cpu = profiles.machine("cpu")
    assert (cpu.memory, cpu.speed, cpu.batch_limit) == (8 * GIB, None, 8)
    assert cpu.start_up < profiles.machine("k80").start_up == profiles.machine("h100").start_up


def test_larger_gpus_take_larger_batches():
    assert {name: profiles.machine(name).batch_limit for name in GPUS} == {
        "k80": 32, "t4": 32, "v100": 32, "a10g": 32, "a100": 64, "h100": 64
    }  # fmt: skip


def test_machines_come_from_settings_too(configure):
    configure(machines='{"l4": {"memory_gib": 24, "speed": 1.1, "batch_limit": 16, "start_up": 20}, "cpu": '
              '{"memory_gib": 0.5, "speed": 0.1}}')  # fmt: skip
    assert profiles.machine("l4") == MachineProfile("l4", 24 * GIB, 1.1, 20.0, 16)
    assert profiles.machine("cpu") == MachineProfile("cpu", GIB // 2, 0.1, profiles.machine("k80").start_up, 32)
    assert profiles.machine_of("NVIDIA L4") == "l4"
    with pytest.raises(FirstpassError, match="no machine profile 'p100'") as error:
        profiles.machine("p100")
    assert "cpu, k80, t4, v100, a10g, a100, h100, l4" in error.value.fix


def test_of_a_long_name_the_beginning_is_repeated():
    for ask in (profiles.machine, profiles.network):
        with pytest.raises(FirstpassError) as error:
            ask("x" * 500)
        assert "'" + "x" * 100 + "'" in error.value.problem


WRONG = ["{", "[]", "7", '{"l4": {}}', '{"l4": 3}', '{"l4": {"speed": 1}}', '{"l4": {"memory_gib": 1}}']
WRONG += ['{"l4": {"memory_gib": "x", "speed": 1}}', '{"l4": {"memory_gib": 1, "speed": null}}']


@pytest.mark.parametrize("text", WRONG)
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
        ("NVIDIA A1000", "nvidia a1000"),
    ],
)
def test_drivers_names_for_devices(device, name):
    assert profiles.machine_of(device) == name


def test_networks_are_those_of_the_kinds_and_the_measured_ones():
    found = profiles.networks()
    assert {"nanodet-coco", "faster-rcnn-inception-v2", "ssd-mobilenet-v2", "mask-rcnn"} <= found.keys()
    assert all(name == network.name for name, network in found.items())
    assert profiles.network("nanodet-coco").cpu_seconds == 0.030
    with pytest.raises(FirstpassError, match="there is no model profile 'yolo'") as error:
        profiles.network("yolo")
    assert "nanodet-coco" in error.value.fix


def test_a_model_of_the_store_is_like_its_kind_with_the_weights_that_it_has(version):
    files = (ModelFile("frozen_inference_graph.pb", "00", 8_000_000), ModelFile("classes.csv", "00", 70))
    own = profiles.network_of(replace(version, name="ours", files=files))
    like = profiles.network("ssd-mobilenet-v2")
    assert own == replace(like, name="ours", weights=8_000_070, source=own.source)
    assert own.source == f"taken to be like ssd-mobilenet-v2, which was {like.source}"


def test_a_namesake_of_a_measured_network_is_like_that_one(version):
    namesake = profiles.network_of(version)
    assert namesake == replace(profiles.network("nanodet-coco"), weights=8_000_000)

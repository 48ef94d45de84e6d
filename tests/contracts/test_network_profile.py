"""What a network costs when nobody has measured it, and which photograph costs are stated for."""

from __future__ import annotations

import numpy as np
import pytest

from firstpass.chunks.cost_model import batch_size, image_seconds, rate
from firstpass.chunks.profiles import MACHINES, networks
from firstpass.cli.estimate import estimate
from firstpass.contracts.network_profile import REFERENCE_PIXELS, UNMEASURED


def test_costs_are_stated_for_the_size_that_an_estimate_takes_for_granted():
    (resolution,) = [option.default for option in estimate.params if option.name == "resolution"]
    width, height = map(int, resolution.split("x"))
    assert REFERENCE_PIXELS == width * height == 1_228_800


@pytest.mark.parametrize("profile", [UNMEASURED, *networks().values()], ids=lambda profile: profile.name)
def test_every_profile_is_possible(profile):
    assert profile.weights > 2**20
    assert profile.image_memory > 2**20
    assert 0 < profile.cpu_seconds < 60
    assert 0 < profile.pixel_share < 1
    assert profile.source


@pytest.mark.parametrize("profile", [UNMEASURED, *networks().values()], ids=lambda profile: profile.name)
def test_a_photograph_of_the_reference_size_costs_what_the_profile_says(profile):
    cpu = rate(profile, MACHINES["cpu"])
    (seconds,) = image_seconds(cpu, profile, REFERENCE_PIXELS * np.ones(1))
    assert seconds == pytest.approx(profile.cpu_seconds)


def test_a_network_that_nobody_measured_can_be_planned_for_every_machine():
    assert "guessed" in UNMEASURED.source
    assert {name: batch_size(UNMEASURED, machine) for name, machine in MACHINES.items()} == {
        name: machine.batch_limit for name, machine in MACHINES.items()
    }


def test_a_network_that_nobody_measured_is_taken_for_none_of_the_others():
    assert UNMEASURED.name not in networks()

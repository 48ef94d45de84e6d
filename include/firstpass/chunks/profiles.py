"""What machines and networks are like, as far as planning needs it: memory, speed, and where each number is from."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace

from firstpass.contracts.model_version import ModelVersion
from firstpass.contracts.network_profile import NetworkProfile
from firstpass.errors import FirstpassError
from firstpass.models.kinds import kind_of, kinds
from firstpass.settings import settings

GIB = 2**30
MIB = 2**20


@dataclass(frozen=True, slots=True)
class MachineProfile:
    """Something that runs one chunk at a time.

    memory: bytes for the network. speed: of a network's pass, K80 = 1, None for a CPU, which has rates of its own.
    start_up: seconds from asking for it to the first image. batch_limit: images a call beyond which nothing is gained.
    caveat: what a person who chooses it must know; empty for nothing.
    """

    name: str
    memory: int
    speed: float | None
    start_up: float
    batch_limit: int
    caveat: str = ""


CUDA_MEMORY = 600 * MIB  # what the driver, cuDNN and TensorFlow hold before the first weight

# speed: the square root of the memory bandwidth in K80s (240, 320, 900, 600, 1555 and 3350 GB/s), which is what small
# batches of a detector wait for. It gives 1.94 for the V100, where the published table says 2.0.
# CUDA 12 begins at compute capability 5.0; the K80 has 3.7.
_ONLY_ESTIMATED = "for comparison only: CUDA 12, which Firstpass uses, does not run on a K80"
_GPU_START_UP = 45.0  # pod, image, CUDA, import, model
MACHINES = {
    machine.name: machine
    for machine in (
        MachineProfile("cpu", 8 * GIB, None, 12.0, 8),
        MachineProfile("k80", 12 * GIB, 1.0, _GPU_START_UP, 32, _ONLY_ESTIMATED),
        MachineProfile("t4", 16 * GIB, 1.15, _GPU_START_UP, 32),
        MachineProfile("v100", 16 * GIB, 2.0, _GPU_START_UP, 32),
        MachineProfile("a10g", 24 * GIB, 1.58, _GPU_START_UP, 32),
        MachineProfile("a100", 40 * GIB, 2.55, _GPU_START_UP, 64),
        MachineProfile("h100", 80 * GIB, 3.74, _GPU_START_UP, 64),
    )
}

_MEASURED = "measured on two CPU cores, 1280×960"
_NETWORKS = (  # beside the one that each kind of model names as typical of it
    NetworkProfile("nanodet-coco", 8 * MIB, 60 * MIB, 0.030, 0.35, _MEASURED),
    NetworkProfile("faster-rcnn-inception-v2", 60 * MIB, 700 * MIB, 0.18, 0.05, _MEASURED),
)


def machine(name: str) -> MachineProfile:
    """The machine profile of this name, built in or from the setting machines.

    Raises FirstpassError, listing what there is, for an unknown one and for a setting that is no table of machines.
    """
    there = MACHINES | _configured()
    if name not in there:
        raise FirstpassError(
            f"there is no machine profile {name[:100]!r}",
            f"use one of {', '.join(there)}, or describe it in FIRSTPASS_MACHINES, for example "
            '\'{"l4": {"memory_gib": 24, "speed": 1.1}}\' (speed: K80 = 1)',
        )
    return there[name]


def network(name: str) -> NetworkProfile:
    """The built-in network profile of this name. Raises FirstpassError, listing what there is, for an unknown one."""
    there = networks()
    if name not in there:
        raise FirstpassError(f"there is no model profile {name[:100]!r}", f"use one of {', '.join(there)}")
    return there[name]


def networks() -> dict[str, NetworkProfile]:
    """Every network profile by its name."""
    return {cost.name: cost for cost in (*(kind.cost for kind in kinds().values()), *_NETWORKS)}


def network_of(version: ModelVersion) -> NetworkProfile:
    """The profile of a model version: its namesake's, else that of its kind, with the weights that it really has."""
    profile = networks().get(version.name)
    if profile is None:
        likeness = kind_of(version.kind).cost
        profile = replace(
            likeness, name=version.name, source=f"taken to be like {likeness.name}, which was {likeness.source}"
        )
    return replace(profile, weights=sum(file.size for file in version.files))


def machine_of(device: str) -> str:
    """The profile's name for a device as its driver tells it: `Tesla V100-SXM2-16GB` is v100, `cpu` is cpu.

    What no profile's name is found in keeps its own, in small letters.
    """
    words = re.findall(r"[a-z0-9]+", device.lower())
    return next((word for word in words if word in MACHINES | _configured()), device.lower())


def _configured() -> dict[str, MachineProfile]:
    text = settings().machines
    if not text:
        return {}
    try:
        return {
            name: MachineProfile(
                name,
                int(float(fields["memory_gib"]) * GIB),
                float(fields["speed"]),
                float(fields.get("start_up", _GPU_START_UP)),
                int(fields.get("batch_limit", 32)),
            )
            for name, fields in json.loads(text).items()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FirstpassError(
            f"FIRSTPASS_MACHINES is not a table of machines: {error!r}",
            'write it as \'{"l4": {"memory_gib": 24, "speed": 1.1}}\' (speed: K80 = 1)',
        ) from error

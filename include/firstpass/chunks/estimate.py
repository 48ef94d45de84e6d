"""How long a night will take: before it starts, and beside the real time afterwards."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from math import ceil

import numpy as np

from firstpass import storage
from firstpass.chunks.cost_model import Measured, batch_size, chunk_count, image_seconds, rate
from firstpass.chunks.profiles import MachineProfile
from firstpass.contracts.network_profile import NetworkProfile
from firstpass.errors import FirstpassError

# The published table: 3,550 images of 1280×960 with ssd-mobilenet-v2 took 160 minutes on a K80, 80 on a V100 and 21 on
# four V100s, start-up included; uncompressed frames took 5 to 6 % more. Rates of the loop that was usual then.
PUBLISHED = {("ssd-mobilenet-v2", "k80"): 160 * 60 / 3550, ("ssd-mobilenet-v2", "v100"): 80 * 60 / 3550}
PUBLISHED_SCALING = 80 / (4 * 21)  # of several GPUs: four reach 95 % of four times one
UNCOMPRESSED = 1.055
_PUBLISHED_PIXELS = 1280 * 960


@dataclass(frozen=True, slots=True)
class Estimate:
    """minutes: from start to end. gpu_hours: 0 on CPUs. images_per_second: of all workers. source: of the rate."""

    images: int
    machine: str
    workers: int
    minutes: float
    chunks: int
    batch_size: int
    gpu_hours: float
    images_per_second: float
    source: str

    def save(self, run_uri: str) -> None:
        """Write <run>/estimate.json, so that the report can show it beside the real time."""
        storage.write(storage.join(run_uri, "estimate.json"), json.dumps(asdict(self), indent=1).encode())

    @classmethod
    def load(cls, run_uri: str) -> Estimate | None:
        """Read it back; None for a run that had nothing to infer."""
        try:
            return cls(**json.loads(storage.read(storage.join(run_uri, "estimate.json"))))
        except FileNotFoundError:
            return None

    def __str__(self) -> str:
        chunks = "1 chunk" if self.chunks == 1 else f"{self.chunks} chunks"
        return (
            f"about {self.minutes:.1f} min for {self.images} images in {chunks} on {self.workers} × {self.machine}, "
            f"batches of {self.batch_size}, {self.images_per_second:.1f} images/s; {self.source}"
        )


def expected(
    images: int,
    pixels: float,
    network: NetworkProfile,
    machine: MachineProfile,
    workers: int = 1,
    model: str = "",
    measured: Measured | None = None,
) -> Estimate:
    """What Firstpass itself should take for so many images of so many pixels; `measured` and `model` as in `rate`.

    Raises FirstpassError for no images, and for a network that does not fit the machine.
    """
    _check(images, pixels)
    cost = rate(network, machine, model, measured)
    seconds = images * float(image_seconds(cost, network, np.array([pixels]))[0])
    chunks = min(chunk_count(seconds, machine.start_up, workers), images)
    return assemble(images, seconds, chunks, batch_size(network, machine, pixels), machine, workers, cost.source)


def published(
    images: int,
    pixels: float,
    network: NetworkProfile,
    machine: MachineProfile,
    workers: int = 1,
    uncompressed: bool = False,
) -> Estimate | None:
    """What the published table's rates say, for a network and a machine that stand in it; else None."""
    _check(images, pixels)
    each = PUBLISHED.get((network.name, machine.name))
    if each is None:
        return None
    share = network.pixel_share
    each *= (1 - share + share * pixels / _PUBLISHED_PIXELS) * (UNCOMPRESSED if uncompressed else 1)
    seconds = images * each
    chunks = min(chunk_count(seconds, machine.start_up, workers), images)
    wall = seconds / workers / (PUBLISHED_SCALING if workers > 1 else 1)
    source = f"published: {each:.2f} s per image, start-up included" + (
        f", {PUBLISHED_SCALING:.0%} of {workers} times one" if workers > 1 else ""
    )
    return _finish(images, wall, chunks, batch_size(network, machine, pixels), machine, workers, source)


def assemble(
    images: int, seconds: float, chunks: int, batch: int, machine: MachineProfile, workers: int, source: str
) -> Estimate:
    """The estimate for work of `seconds` in equal chunks: in as many rounds as it takes, each with a start-up."""
    wall = ceil(chunks / workers) * (seconds / chunks + machine.start_up)
    return _finish(images, wall, chunks, batch, machine, workers, source)


def _finish(
    images: int, wall: float, chunks: int, batch: int, machine: MachineProfile, workers: int, source: str
) -> Estimate:
    gpus = min(workers, chunks) if machine.speed is not None else 0
    return Estimate(
        images=images,
        machine=machine.name,
        workers=workers,
        minutes=round(wall / 60, 2),
        chunks=chunks,
        batch_size=batch,
        gpu_hours=round(gpus * wall / 3600, 3),
        images_per_second=round(images / wall, 2),
        source=source,
    )


def _check(images: int, pixels: float) -> None:
    if images < 1 or pixels < 1:
        raise FirstpassError(
            "an estimate needs at least one image of at least one pixel", "give --images and --resolution"
        )

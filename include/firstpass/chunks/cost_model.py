"""What an image costs on a machine, and how many fit into a batch: the model under planning and estimate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firstpass.chunks.profiles import CUDA_MEMORY, GIB, MachineProfile
from firstpass.contracts.network_profile import REFERENCE_PIXELS, NetworkProfile
from firstpass.errors import FirstpassError

Measured = Callable[[str, str], tuple[float, float] | None]
"""(model as `name@version`, machine profile) → images per second that earlier chunks reached and the mean pixels of
their images, or None where there were none."""

AIMED_CHUNKS = 200  # a mapped Airflow task of this size is scheduled without noticeable cost
MAX_CHUNKS = 1024  # and one larger than this is refused

# Without a measurement: a K80 makes the network's share of the time this many times shorter than two CPU cores.
_K80_IN_CPUS = 8.0


@dataclass(frozen=True, slots=True)
class Rate:
    """Seconds for one photograph of REFERENCE_PIXELS, start-up left out, and where the number is from."""

    seconds: float
    source: str


def rate(network: NetworkProfile, machine: MachineProfile, model: str = "", measured: Measured | None = None) -> Rate:
    """What one image costs: as measured in earlier runs, else as measured on two CPU cores and scaled to the machine.

    On a GPU only the network's share gets faster; reading and decoding stay with the CPU cores beside it.
    """
    reached = measured(model, machine.name) if measured else None
    if reached:
        images_per_second, pixels = reached
        reference = 1 / images_per_second / _relative(network, np.array([pixels]))[0]
        return Rate(float(reference), f"measured in earlier runs of {model} on {machine.name}")
    if machine.speed is None:
        return Rate(network.cpu_seconds, network.source)
    reading = network.cpu_seconds * network.pixel_share
    computing = network.cpu_seconds - reading
    seconds = max(reading, computing / (_K80_IN_CPUS * machine.speed))
    return Rate(seconds, f"scaled to {machine.name}: {network.source}")


def image_seconds(rate: Rate, network: NetworkProfile, pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Seconds per image [n], given its pixels: the network's own share is constant, the rest grows with them."""
    return rate.seconds * _relative(network, pixels)


def batch_size(network: NetworkProfile, machine: MachineProfile, pixels: float = REFERENCE_PIXELS) -> int:
    """The largest power of two of images of so many pixels that fits the machine's memory and is still of use.

    Raises FirstpassError when not even one fits.
    """
    fixed = 2 * network.weights + (CUDA_MEMORY if machine.speed is not None else 0)
    each = network.image_memory + 15 * pixels  # as read, and as float for the graph to resize
    room = (0.9 * machine.memory - fixed) / each
    if room < 1:
        raise FirstpassError(
            f"{network.name} does not fit {machine.name}: it needs {(fixed + each) / GIB:.1f} GiB for a batch of one, "
            f"and {0.9 * machine.memory / GIB:.1f} GiB are there",
            "choose a machine with more memory, or a smaller model",
        )
    return int(2 ** int(np.log2(min(room, machine.batch_limit))))


def chunk_count(seconds: float, start_up: float, workers: int = 1) -> int:
    """How many chunks work of `seconds` makes.

    Each lasts 20 times its start-up or longer, so that this is at most 5 % of it; a number above `workers` is a
    multiple of it, so that no worker idles in the last round; at most AIMED_CHUNKS (or one per worker, if those are
    more), and never above MAX_CHUNKS: chunks grow instead.
    """
    count = max(1, int(seconds / (20 * start_up)))
    count = min(count, max(AIMED_CHUNKS, workers), MAX_CHUNKS)
    return count - count % workers if count > workers else count


def _relative(network: NetworkProfile, pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 - network.pixel_share + network.pixel_share * pixels / REFERENCE_PIXELS

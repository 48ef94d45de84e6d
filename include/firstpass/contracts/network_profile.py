"""What a network costs, as far as planning needs it."""

from __future__ import annotations

from dataclasses import dataclass

REFERENCE_PIXELS = 1280 * 960
"""The photograph that costs are stated for."""


@dataclass(frozen=True, slots=True)
class NetworkProfile:
    """The cost of one network.

    weights: bytes. image_memory: bytes that one more image in a batch takes at the network's own input size.
    cpu_seconds: for one photograph of REFERENCE_PIXELS on two CPU cores, reading and decoding included; `source` says
    where that was measured. pixel_share: the part of it that grows with the photograph (reading, decoding, resizing).
    """

    name: str
    weights: int
    image_memory: int
    cpu_seconds: float
    pixel_share: float
    source: str


UNMEASURED = NetworkProfile("unmeasured", 100 * 2**20, 200 * 2**20, 0.1, 0.3, "guessed")
"""Of a network that nobody has measured: planning learns from the first chunks anyway."""

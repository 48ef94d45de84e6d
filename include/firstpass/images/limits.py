"""What an image may ask for: the settings, and the memory, on which it depends whether it can be read."""

from __future__ import annotations

from firstpass.images.decoding import REVISION
from firstpass.settings import settings

Limits = dict[str, int]
"""decoder: the decoders' revision; memory, max_image_bytes, max_image_memory. Where one grew, what failed may not."""


def limits(memory: int) -> Limits:
    """As they are now, for a process that may hold so many bytes of memory."""
    return {
        "decoder": REVISION,
        "memory": memory,
        "max_image_bytes": settings().max_image_bytes,
        "max_image_memory": settings().max_image_memory,
    }

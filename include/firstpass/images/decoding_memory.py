"""How much memory decoding takes at its peak, known from the header alone; what needs more than it may is refused."""

from __future__ import annotations

from PIL import Image

from firstpass.contracts.image_source import UnreadableImage
from firstpass.settings import settings

PIXEL = 3  # bytes of a pixel as decoded: RGB

# Bytes a pixel at the peak, as measured (benchmarks/decoding_memory.py). OpenCV copies the picture once.
_OPENCV = 2 * PIXEL
_WHOLE = {"WEBP": 17, "AVIF": 16}  # several copies, alpha included; AVIF with up to 12 bits a channel
_PILLOW_CANVAS = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16L": 2, "I;16B": 2, "I;16N": 2}  # all others: 4
_COEFFICIENT = 2  # bytes; a progressive JPEG keeps one for each sample
_ROWS_PER_STRIP, _BITS, _COMPRESSION = 278, 258, 259  # tags of a TIFF


def needed(image: Image.Image) -> int:
    """Bytes that decoding takes at its peak, the decoded picture included and the file's own bytes not."""
    return round(_a_pixel(image) * image.width * image.height)


def check(image: Image.Image) -> None:
    """Raises UnreadableImage for an image that needs more than the setting max_image_memory."""
    limit, need = settings().max_image_memory, needed(image)
    if need > limit:
        raise UnreadableImage(
            f"is too large: {image.width}×{image.height} pixels need {need / 2**20:,.0f} MiB of memory to decode, more "
            f"than FIRSTPASS_MAX_IMAGE_MEMORY={limit}"
        )


def _a_pixel(image: Image.Image) -> float:
    form = image.format or ""
    if form in {"JPEG", "MPO"} and image.mode in {"L", "RGB"}:
        return max(_OPENCV, PIXEL + _coefficients(image))
    if form in _WHOLE:
        return _WHOLE[form]
    return _PILLOW_CANVAS.get(image.mode, 4) + max(PIXEL, _coefficients(image), _strip(image))


def _coefficients(image: Image.Image) -> float:
    """Bytes a pixel that a progressive JPEG keeps until its last scan; 0 for any other image."""
    if not image.info.get("progressive"):
        return 0
    samples = [horizontal * vertical for _, horizontal, vertical, _ in getattr(image, "layer", ())]
    return float(_COEFFICIENT * sum(samples) / max(samples, default=1))


def _strip(image: Image.Image) -> float:
    """Bytes a pixel of a compressed TIFF's strip, which is decoded as a whole; 0 for any other image."""
    tags = getattr(image, "tag_v2", None)
    if not tags or tags.get(_COMPRESSION, 1) == 1:
        return 0
    bits = tags.get(_BITS, 1)
    rows = min(int(tags.get(_ROWS_PER_STRIP, image.height)), image.height)
    return (bits if isinstance(bits, int) else sum(bits)) / 8 * rows / max(image.height, 1)

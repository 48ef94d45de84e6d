"""Images into the network and masks out of it, to the last bit as the training library does both.

It resizes with scikit-image: bilinear between pixel centres, what lies beyond the border counts as 0, the result is
clipped to the range of the input. OpenCV interpolates alike, some ten times as fast, but repeats the border.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from firstpass.contracts.detector import UnfitImage
from firstpass.errors import FirstpassError
from firstpass.models.detectors.mask_rcnn.config import STRIDES, Config

Window = tuple[int, int, int, int]
"""y1, x1, y2, x2 in pixels of the network's input: where the image lies in its padding; the ends are not included."""

_UNSURE = 2e-3  # grey levels: well above what single precision may be off by
_MOST = 2**26  # pixels that an image may be enlarged to: resized in floats, 800 MB


def mold(image: NDArray[np.uint8], config: Config) -> tuple[NDArray[np.uint8], Window]:
    """RGB [height, width, 3] → resized and padded with 0 as the configuration says, and where the image lies in it.

    The mean pixel is not taken off yet: the network does that. Raises FirstpassError where the mode is `none` and the
    network cannot take the image's size, UnfitImage for one so thin that it would become enormous.
    """
    height, width = image.shape[:2]
    if config.image_resize_mode == "none":
        if height % STRIDES[-1] or width % STRIDES[-1]:
            raise FirstpassError(
                f"an image of {width} × {height} pixels cannot be halved six times, and image_resize_mode is none",
                "set image_resize_mode in model.yaml to what the model was trained with",
            )
        return image, (0, 0, height, width)
    scale = _scale(height, width, config)
    if scale != 1:
        new_height, new_width = max(1, round(height * scale)), max(1, round(width * scale))
        if new_height * new_width > max(_MOST, height * width):
            raise UnfitImage(
                f"is too thin: {width}×{height} pixels, resized to a shorter side of {config.image_min_dim} as its "
                f"configuration asks, are {new_width}×{new_height}"
            )
        image = _resized(image, new_height, new_width)
        height, width = image.shape[:2]
    full_height, full_width = _padded_size(height, width, config)
    top, left = (full_height - height) // 2, (full_width - width) // 2
    padded = np.zeros((full_height, full_width, 3), np.uint8)
    padded[top : top + height, left : left + width] = image
    return padded, (top, left, top + height, left + width)


def enlarged(mask: NDArray[np.float32], height: int, width: int) -> NDArray[np.bool_]:
    """The network's small mask, 0..1, at the size of its box: true where it reaches 0.5.

    Along the edges of the box it fades towards 0, except where the whole mask reaches 0.5.
    """
    if mask.min() >= 0.5:
        return np.ones((height, width), np.bool_)
    return _bilinear(mask, height, width) >= 0.5


def _scale(height: int, width: int, config: Config) -> float:
    """Up to the least side, never down but for the greatest one, which the square mode alone has."""
    scale = max(1.0, config.image_min_dim / min(height, width))
    longest = max(height, width)
    if config.image_resize_mode == "square" and round(longest * scale) > config.image_max_dim:
        return config.image_max_dim / longest
    return scale


def _padded_size(height: int, width: int, config: Config) -> tuple[int, int]:
    if config.image_resize_mode == "square":
        return config.image_max_dim, config.image_max_dim
    step = STRIDES[-1]
    return -(-height // step) * step, -(-width // step) * step


def _resized(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Bilinear, the fraction cut off. Where single precision cannot tell which side of a whole number a value falls on,
    it is computed again as the reference does it, in double precision and in the same order.
    """
    values = _bilinear(image.astype(np.float32), height, width)
    result = values.astype(np.uint8)
    rows, columns, channels = np.nonzero(np.abs(values - np.rint(values)) < _UNSURE)
    result[rows, columns, channels] = _exactly(image, height, width, rows, columns, channels)
    return np.clip(result, image.min(), image.max())


def _bilinear(image: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    result: NDArray[np.float32] = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR))
    rows, columns = _inside(image.shape[0], height), _inside(image.shape[1], width)
    shape = (1,) * (image.ndim - 2)
    result[rows < 1] *= rows[rows < 1].reshape(-1, 1, *shape)
    result[:, columns < 1] *= columns[columns < 1].reshape(-1, *shape)
    return result


def _inside(before: int, after: int) -> NDArray[np.float32]:
    """How much of each new place along an axis the image has a say in; the rest is what lies beyond its border."""
    places = _places(before, after)
    return np.minimum(np.minimum(1 + places, before - places), 1).astype(np.float32)


def _places(before: int, after: int) -> NDArray[np.float64]:
    """Where the new places along an axis lie among the old ones, 0 being the centre of the first."""
    return np.asarray((np.arange(after) + 0.5) * (before / after) - 0.5, np.float64)


def _exactly(
    image: NDArray[np.uint8],
    height: int,
    width: int,
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    channels: NDArray[np.intp],
) -> NDArray[np.uint8]:
    padded = np.pad(image, ((1, 1), (1, 1), (0, 0)))
    y, x = _places(image.shape[0], height)[rows], _places(image.shape[1], width)[columns]
    top, left = np.floor(y).astype(np.intp), np.floor(x).astype(np.intp)
    down, right = y - top, x - left
    total = np.zeros(len(rows))
    for below, weight_y in ((0, 1 - down), (1, down)):
        for beside, weight_x in ((0, 1 - right), (1, right)):
            total += padded[top + 1 + below, left + 1 + beside, channels] * weight_y * weight_x
    return total.astype(np.uint8)

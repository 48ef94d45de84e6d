"""How bright a picture is, cheaply: enough to tell a lens cap from a photograph."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_SIDE = 64  # pixels that the shorter side is thinned to
_RED, _GREEN, _BLUE = 0.299, 0.587, 0.114  # luma, as JPEG has it


def brightness(pixels: NDArray[np.uint8]) -> float:
    """Mean luma, 0 (black) to 255 (white), of RGB uint8 [height, width, 3].

    Of every n-th pixel of every n-th row, so that the largest picture takes hardly longer than a small one.
    """
    step = max(1, min(pixels.shape[:2]) // _SIDE)
    red, green, blue, _ = cv2.mean(np.ascontiguousarray(pixels[::step, ::step]))
    return _RED * red + _GREEN * green + _BLUE * blue

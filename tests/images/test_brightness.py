"""Brightness tells a lens cap from a photograph, whatever the size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from firstpass.images.brightness import brightness


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (63, 640), (480, 640), (3000, 4000)])
@pytest.mark.parametrize(("colour", "luma"), [((0, 0, 0), 0), ((255, 255, 255), 255), ((0, 0, 255), 29.07)])
def test_a_plain_colour_has_its_luma(size, colour, luma):
    pixels = np.broadcast_to(np.array(colour, np.uint8), (*size, 3))
    assert brightness(pixels) == pytest.approx(luma)


@pytest.mark.parametrize("size", [(127, 3000), (3000, 127), (2, 2)])
def test_of_a_picture_with_a_short_side_every_pixel_counts(size):
    pixels = np.random.default_rng(1).integers(0, 256, (*size, 3), np.uint8)
    whole = pixels.reshape(-1, 3).mean(axis=0) @ [0.299, 0.587, 0.114]
    assert brightness(pixels) == pytest.approx(whole)


@pytest.mark.parametrize(("size", "step"), [((128, 3000), 2), ((3000, 191), 2), ((192, 192), 3)])
def test_of_a_larger_one_every_nth_pixel_of_every_nth_row_does(size, step):
    pixels = np.zeros((*size, 3), np.uint8)
    pixels[::step, ::step] = 255
    assert brightness(pixels) == pytest.approx(255)
    pixels[step - 1 :: step, step - 1 :: step] = 0
    assert brightness(pixels) == pytest.approx(255)


def test_a_photograph_is_as_bright_as_all_of_its_pixels():
    photographs = list((Path(__file__).parents[2] / "include" / "samples").glob("*.*g"))
    assert photographs
    for path in photographs:
        image = Image.open(path).convert("RGB")
        whole = np.asarray(image.convert("L")).mean()
        assert brightness(np.asarray(image)) == pytest.approx(whole, abs=3), path.name

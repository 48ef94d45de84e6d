"""Resizing, held against scikit-image, which the training library uses."""

import numpy as np
import pytest
from skimage.transform import resize

from firstpass.contracts.detector import UnfitImage
from firstpass.errors import FirstpassError
from firstpass.models.detectors.mask_rcnn.config import Config
from firstpass.models.detectors.mask_rcnn.images import enlarged, mold


def reference(image, height, width):
    return resize(image, (height, width), order=1, mode="constant", cval=0, preserve_range=True, anti_aliasing=False)


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def flat(height, width):
    """Whole numbers all over: the last bit decides whether the fraction is cut off above or below them."""
    return np.full((height, width, 3), (255, 201, 7), np.uint8)


def stripes(height, width):
    image = flat(height, width)
    image[:, ::7] = 40
    return image


@pytest.mark.parametrize("make", [noise, flat, stripes])
@pytest.mark.parametrize("size", [(300, 200), (97, 351), (480, 33), (200, 1000)])
def test_resized_images_are_the_same_to_the_last_bit(make, size):
    image = make(*size)
    pixels, (top, left, bottom, right) = mold(image, Config(image_min_dim=256, image_max_dim=320))
    assert pixels.shape == (320, 320, 3)
    expected = reference(image, bottom - top, right - left).astype(np.uint8)
    np.testing.assert_array_equal(pixels[top:bottom, left:right], expected)


def test_square_images_are_padded_on_all_sides_with_black():
    pixels, (top, left, bottom, right) = mold(flat(100, 50), Config(image_min_dim=128, image_max_dim=128))
    assert (top, left, bottom, right) == (0, 32, 128, 96)
    assert not pixels[:, :left].any()
    assert not pixels[:, right:].any()


def test_square_images_are_enlarged_to_the_least_side_and_reduced_to_the_greatest():
    config = Config(image_min_dim=128, image_max_dim=256)
    assert mold(flat(64, 100), config)[1] == (64, 28, 192, 228)
    assert mold(flat(64, 300), config)[1] == (100, 0, 155, 256)
    assert mold(flat(200, 150), config)[1] == (28, 53, 228, 203)


@pytest.mark.parametrize(
    ("size", "padded", "window"),
    [
        ((200, 300), (256, 320), (28, 10, 228, 310)),
        ((256, 320), (256, 320), (0, 0, 256, 320)),
        ((64, 100), (128, 256), (0, 28, 128, 228)),
    ],
)
def test_pad64_pads_to_the_next_multiples_and_never_reduces(size, padded, window):
    pixels, found = mold(flat(*size), Config(image_resize_mode="pad64", image_min_dim=128, image_max_dim=64))
    assert pixels.shape[:2] == padded
    assert found == window


def test_none_takes_the_image_as_it_is():
    image = noise(128, 192)
    pixels, window = mold(image, Config(image_resize_mode="none"))
    assert pixels is image
    assert window == (0, 0, 128, 192)


def test_none_refuses_a_size_that_the_network_cannot_take():
    with pytest.raises(FirstpassError, match="130 × 128") as error:
        mold(noise(128, 130), Config(image_resize_mode="none"))
    assert "image_resize_mode" in error.value.fix


def test_a_very_long_image_keeps_one_row():
    _, (top, _, bottom, _) = mold(noise(1, 5000), Config(image_min_dim=128, image_max_dim=128))
    assert bottom - top == 1


@pytest.mark.parametrize("size", [(28, 28), (1, 1), (3, 200), (170, 90), (28, 14), (400, 7)])
@pytest.mark.parametrize("low", [0.0, 0.4, 0.49, 0.5, 0.6])
def test_masks_are_enlarged_as_by_the_reference(size, low):
    mask = np.random.default_rng(0).uniform(low, 1, (28, 28)).astype(np.float32)
    np.testing.assert_array_equal(enlarged(mask, *size), reference(mask, *size) >= 0.5)


@pytest.mark.parametrize("size", [(1, 65_500), (65_500, 1)])
def test_a_thin_image_is_refused_only_where_it_would_become_enormous(size):
    image = np.full((*size, 3), 9, np.uint8)
    with pytest.raises(UnfitImage, match=r"is too thin: .* resized to a shorter side of 800 .*, are .*52400000"):
        mold(image, Config(image_resize_mode="pad64", image_min_dim=800))
    assert mold(image, Config(image_min_dim=800, image_max_dim=1024))[0].shape == (1024, 1024, 3)

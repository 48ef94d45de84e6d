"""Settings from model.yaml, and what does not go with the network."""

import pytest

from firstpass.errors import FirstpassError
from firstpass.models.detectors.mask_rcnn.config import Config


def test_the_defaults_are_the_training_librarys():
    config = Config.from_options(None)
    assert (config.image_min_dim, config.image_max_dim, config.image_resize_mode) == (800, 1024, "square")
    assert config.rpn_anchor_scales == (32, 64, 128, 256, 512)
    assert config.detection_min_confidence == 0.7


def test_options_win_and_other_keys_are_passed_over():
    config = Config.from_options({"image_max_dim": 512, "mean_pixel": [1, 2, 3], "threshold": 0.2, "kind": "mask_rcnn"})
    assert config.image_max_dim == 512
    assert config.mean_pixel == (1, 2, 3)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"image_max_dim": 1000}, "image_max_dim is 1000"),
        ({"image_resize_mode": "pad64", "image_min_dim": 100}, "image_min_dim is 100"),
        ({"rpn_anchor_scales": [32, 64]}, r"rpn_anchor_scales has 2 values, \(32, 64\)"),
    ],
)
def test_what_the_network_cannot_do_is_an_error(options, named):
    with pytest.raises(FirstpassError, match=named):
        Config.from_options(options)


def test_other_modes_do_not_mind_the_greatest_side():
    assert Config.from_options({"image_resize_mode": "pad64", "image_max_dim": 1000, "image_min_dim": 0})

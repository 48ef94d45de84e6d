from __future__ import annotations

import pytest
import yaml

from firstpass.errors import FirstpassError
from firstpass.models import options
from firstpass.models.version import Kind

TFOD, MASK_RCNN = Kind.TFOD_SAVED_MODEL, Kind.MASK_RCNN
EVERY = """
kind: mask_rcnn
image_min_dim: 800
image_max_dim: 1024
image_resize_mode: square
rpn_anchor_scales: [32, 64, 128, 256, 512]
rpn_anchor_ratios: [0.5, 1, 2]
mean_pixel: [123.7, 116.8, 103.9]
post_nms_rois_inference: 1000
pre_nms_limit: 6000
rpn_nms_threshold: 0.7
detection_max_instances: 100
detection_min_confidence: 0.6
detection_nms_threshold: 0.3
threshold: 0.65
"""


def test_every_key_of_the_reference_configuration_is_known():
    assert options.parse(EVERY.encode(), MASK_RCNN) == yaml.safe_load(EVERY)
    assert set(options.RULES) == set(yaml.safe_load(EVERY))


def test_nothing_is_needed():
    assert options.parse(b"", TFOD) == {}
    assert options.parse(b"# no settings\n", TFOD) == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("treshold: 0.4", "unknown key 'treshold'"),
        ("threshold: 1.5", "threshold is 1.5"),
        ("threshold: .nan", "threshold is nan"),
        ("threshold: yes", "threshold is True"),
        ("threshold: '0.4'", "threshold is '0.4'"),
        ("detection_max_instances: 0", "detection_max_instances is 0"),
        ("image_resize_mode: crop", "image_resize_mode is 'crop'"),
        ("rpn_anchor_scales: [32]", "rpn_anchor_scales is [32]"),
        ("mean_pixel: [1, 2, x]", "mean_pixel is [1, 2, 'x']"),
        ("kind: mask_rcnn", "kind is 'mask_rcnn', but the weights beside it are tfod_saved_model"),
        ("- threshold", "holds ['threshold']"),
        ("a: [", "model.yaml row 1: is not YAML"),
        ("!!python/object/apply:os.system [id]", "is not YAML"),
    ],
)
def test_what_does_not_fit_is_told_with_key_and_value(text, message):
    with pytest.raises(FirstpassError) as caught:
        options.parse(text.encode(), TFOD)
    assert message in caught.value.problem


def test_an_unknown_key_lists_the_known_ones():
    with pytest.raises(FirstpassError) as caught:
        options.parse(b"backbone: resnet50", MASK_RCNN)
    assert all(key in caught.value.fix for key in options.RULES)


def test_a_yaml_bomb_is_small_in_memory_and_in_the_message():
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
    )
    with pytest.raises(FirstpassError) as caught:
        options.parse(f"{bomb}mean_pixel: *i".encode(), MASK_RCNN)
    assert len(str(caught.value)) < 1000


def test_default_thresholds():
    assert options.threshold({}, TFOD) == 0.5
    assert options.threshold({}, MASK_RCNN) == 0.7
    assert options.threshold({"detection_min_confidence": 0.1}, MASK_RCNN) == 0.1
    assert options.threshold({"detection_min_confidence": 0.1, "threshold": 0.3}, MASK_RCNN) == 0.3


def test_what_is_dumped_is_read_back():
    assert options.parse(options.dump({"threshold": 0.25}), TFOD) == {"threshold": 0.25}

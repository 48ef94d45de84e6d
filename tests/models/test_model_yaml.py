from __future__ import annotations

import pytest
import yaml

from firstpass.errors import FirstpassError
from firstpass.models import model_yaml
from firstpass.models.kinds import kind_of

TFOD, MASK_RCNN = "tfod_saved_model", "mask_rcnn"
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
    assert model_yaml.parse(EVERY.encode(), MASK_RCNN) == yaml.safe_load(EVERY)
    assert set(model_yaml.rules(kind_of(MASK_RCNN))) == set(yaml.safe_load(EVERY))


def test_nothing_is_needed():
    assert model_yaml.parse(b"", TFOD) == {}
    assert model_yaml.parse(b"# no settings\n", TFOD) == {}


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
        model_yaml.parse(text.encode(), TFOD)
    assert message in caught.value.problem


def test_an_unknown_key_lists_the_known_ones():
    with pytest.raises(FirstpassError) as caught:
        model_yaml.parse(b"backbone: resnet50", MASK_RCNN)
    assert all(key in caught.value.fix for key in model_yaml.rules(kind_of(MASK_RCNN)))


def test_a_yaml_bomb_is_small_in_memory_and_in_the_message():
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
    )
    with pytest.raises(FirstpassError) as caught:
        model_yaml.parse(f"{bomb}mean_pixel: *i".encode(), MASK_RCNN)
    assert len(str(caught.value)) < 1000


def test_default_thresholds():
    assert model_yaml.threshold({}, TFOD) == 0.5
    assert model_yaml.threshold({}, MASK_RCNN) == 0.7
    assert model_yaml.threshold({"detection_min_confidence": 0.1}, MASK_RCNN) == 0.1
    assert model_yaml.threshold({"detection_min_confidence": 0.1, "threshold": 0.3}, MASK_RCNN) == 0.3


def test_what_is_dumped_is_read_back():
    assert model_yaml.parse(model_yaml.dump({"threshold": 0.25}), TFOD) == {"threshold": 0.25}

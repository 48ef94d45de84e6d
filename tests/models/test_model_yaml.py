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
floor: 0.2
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
        ("floor: 0", "floor is 0"),
        ("floor: -0.1", "floor is -0.1"),
        ("floor: 1.1", "floor is 1.1"),
        ("floor: .nan", "floor is nan"),
        ("floor: yes", "floor is True"),
        ("floor: {cat: 0.1}", "floor is {'cat': 0.1}"),
        ("floor: 0.51", "floor is 0.51, above the threshold 0.5: drafts would not be stored"),
        ("floor: 0.4\nthreshold: 0.3", "floor is 0.4, above the threshold 0.3"),
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


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("floor: 0.5", TFOD),
        ("floor: 0.000001", TFOD),
        ("floor: 0.3\nthreshold: 0.3", TFOD),
        ("floor: 1\nthreshold: 1", TFOD),
        ("floor: 0.7", MASK_RCNN),
        ("floor: 0.8\ndetection_min_confidence: 0.8", MASK_RCNN),
    ],
)
def test_a_floor_may_be_as_high_as_the_threshold(text, kind):
    options = model_yaml.parse(text.encode(), kind)
    assert model_yaml.floor(options) == options["floor"]


def test_without_one_the_floor_is_left_to_the_settings():
    assert model_yaml.floor({}) is None
    assert model_yaml.floor({"threshold": 0.4}) is None
    assert isinstance(model_yaml.floor({"floor": 1}), float)


def test_of_a_part_of_the_settings_it_is_not_known_whether_the_floor_is_too_high():
    assert model_yaml.check({"floor": 0.6}, TFOD, "the source's options") == {"floor": 0.6}
    with pytest.raises(FirstpassError, match="the source's options: floor is 2"):
        model_yaml.check({"floor": 2}, TFOD, "the source's options")


def test_what_is_dumped_is_read_back():
    assert model_yaml.parse(model_yaml.dump({"threshold": 0.25}), TFOD) == {"threshold": 0.25}

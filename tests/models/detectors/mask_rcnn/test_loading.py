"""From a folder with weights to what they say, and to the detector over them."""

import pytest

from firstpass.errors import FirstpassError
from firstpass.models.detectors.mask_rcnn import loading, network
from firstpass.models.detectors.mask_rcnn.layers import Sizes
from fixtures.mask_rcnn import blank


@pytest.mark.parametrize("name", ["weights.h5", "mask_rcnn_0030.H5", "a.hdf5", "A.HDF5"])
def test_weights_are_known_by_their_suffix(tmp_path, name):
    for other in ("classes.csv", "h5", "notes.h5.txt"):
        (tmp_path / other).touch()
    (tmp_path / name).touch()
    assert loading.weights_path(tmp_path) == tmp_path / name


@pytest.mark.parametrize("names", [[], ["a.h5", "b.hdf5"]])
def test_a_folder_must_hold_one_file_of_weights(tmp_path, names):
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(FirstpassError, match=", ".join(names) or "no .h5 file"):
        loading.inspect(tmp_path)


@pytest.mark.parametrize("classes", [2, 81])
def test_the_background_is_no_class_and_there_are_always_masks(tmp_path, classes):
    blank(tmp_path / "weights.h5", Sizes("resnet50", classes, 3, 256, 512, 1024, 7, 256))
    found = loading.inspect(tmp_path)
    assert (found.class_count, found.has_masks) == (classes - 1, True)


def test_anchor_ratios_must_be_as_many_as_the_network_was_trained_with(tmp_path, mask_rcnn_version):
    blank(tmp_path / "weights.h5")
    with pytest.raises(FirstpassError, match="trained with 3 anchor ratios, rpn_anchor_ratios has 2") as caught:
        loading.load(mask_rcnn_version({"rpn_anchor_ratios": [0.5, 1]}), tmp_path, 0.35)
    assert "RPN_ANCHOR_RATIOS" in caught.value.fix


def test_options_that_do_not_go_together_are_told_before_the_weights_are_read(tmp_path, mask_rcnn_version):
    with pytest.raises(FirstpassError, match="image_max_dim is 1000"):
        loading.load(mask_rcnn_version({"image_max_dim": 1000}), tmp_path, 0.35)


@pytest.mark.parametrize(
    ("options", "confidence"),
    [
        (None, 0.35),
        ({}, 0.35),
        ({"threshold": 0.7, "floor": 0.35}, 0.35),
        ({"detection_min_confidence": 0.6}, 0.6),
        ({"detection_min_confidence": 0.05}, 0.05),
        ({"detection_min_confidence": 0.0}, 0.0),
    ],
)
def test_the_network_leaves_out_what_scores_below_the_floor_unless_model_yaml_fixes_it(
    tmp_path, monkeypatch, mask_rcnn_version, options, confidence
):
    blank(tmp_path / "weights.h5")
    given = []
    monkeypatch.setattr(network, "MaskRcnnNetwork", lambda sizes, weights, config: given.append(config) or "network")
    loaded = loading.load(mask_rcnn_version(options), tmp_path, 0.35)
    assert loaded.floor == confidence
    assert loaded.network == "network"
    assert [config.detection_min_confidence for config in given] == [confidence]

"""The record of Mask R-CNN: what its files are called, and what model.yaml may say."""

import subprocess
import sys
from dataclasses import asdict

import pytest

from firstpass.models.detectors.mask_rcnn.config import Config
from firstpass.models.detectors.mask_rcnn.kind import MASK_RCNN


def test_any_hdf5_file_of_the_folder_is_its_weights():
    assert MASK_RCNN.store_name("mask_rcnn_cats_0030.H5") == MASK_RCNN.weights == "weights.h5"
    assert MASK_RCNN.store_name("sub/weights.h5") is None
    assert MASK_RCNN.folders == ()
    assert MASK_RCNN.class_ids == "listed"


def test_the_threshold_is_the_networks_own_confidence():
    assert (MASK_RCNN.threshold, MASK_RCNN.threshold_option) == (0.7, "detection_min_confidence")
    assert Config().detection_min_confidence == MASK_RCNN.threshold


def test_holes_made_it_another_revision():
    assert MASK_RCNN.revision == 2


def test_model_yaml_may_say_all_that_the_configuration_has_and_its_defaults_fit():
    defaults = {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(Config()).items()}
    assert set(MASK_RCNN.options) == set(defaults)
    for key, value in defaults.items():
        assert MASK_RCNN.options[key].fits(value), key


@pytest.mark.parametrize(
    ("key", "fits", "does_not"),
    [
        ("image_min_dim", [0, 8192], [-1, 8193]),
        ("image_max_dim", [64, 8192], [63, 8193]),
        ("image_resize_mode", ["square", "pad64", "none"], ["crop"]),
        ("rpn_anchor_scales", [[1, 2, 3, 4, 8192]], [[1, 2, 3, 4], [0, 2, 3, 4, 5], [1, 2, 3, 4, 8193], [1] * 6]),
        ("rpn_anchor_ratios", [[0.01], [1] * 16, [100]], [[], [1] * 17, [0.001], [101]]),
        ("mean_pixel", [[0, 0, 0], [255, 255, 255]], [[0, 0], [0, 0, 256], [0, 0, -1]]),
        ("post_nms_rois_inference", [1, 20_000], [0, 20_001]),
        ("pre_nms_limit", [1, 100_000], [0, 100_001]),
        ("rpn_nms_threshold", [0, 1], [1.1]),
        ("detection_max_instances", [1, 10_000], [0, 10_001]),
        ("detection_min_confidence", [0, 1], [-0.1]),
        ("detection_nms_threshold", [0, 1], [2]),
    ],
)
def test_the_bounds_of_each_option(key, fits, does_not):
    assert all(MASK_RCNN.options[key].fits(value) for value in fits)
    assert not any(MASK_RCNN.options[key].fits(value) for value in does_not)


def test_the_record_costs_no_runtime():
    """DAG files and the command line look at it; h5py and Keras take seconds."""
    script = (
        "import sys; from firstpass.models.detectors.mask_rcnn.kind import MASK_RCNN; MASK_RCNN.load;"
        "print({'tensorflow', 'keras', 'h5py', 'cv2'} & sys.modules.keys())"
    )
    printed = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert printed.stdout.strip() == "set()"


def test_loading_and_inspecting_are_its_packages(monkeypatch, tmp_path):
    from firstpass.models.detectors.mask_rcnn import loading

    monkeypatch.setattr(loading, "load", lambda *given: ("loaded", *given))
    monkeypatch.setattr(loading, "inspect", lambda *given: ("inspected", *given))
    assert MASK_RCNN.load("version", tmp_path, 0.25) == ("loaded", "version", tmp_path, 0.25)
    assert MASK_RCNN.inspect(tmp_path) == ("inspected", tmp_path)

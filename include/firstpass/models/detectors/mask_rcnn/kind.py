"""The record of the kind. Keras and h5py are imported when it is loaded."""

from __future__ import annotations

from pathlib import Path

from firstpass.contracts.detector import Detector, WeightsInspection
from firstpass.contracts.detector_kind import DetectorKind, single_file
from firstpass.contracts.model_version import ModelVersion
from firstpass.contracts.network_profile import NetworkProfile
from firstpass.contracts.option_rule import numbers, one_of, share, whole_number

_MIB = 2**20


def _load(version: ModelVersion, folder: Path, floor: float) -> Detector:
    from firstpass.models.detectors.mask_rcnn import loading

    return loading.load(version, folder, floor)


def _inspect(folder: Path) -> WeightsInspection:
    from firstpass.models.detectors.mask_rcnn import loading

    return loading.inspect(folder)


MASK_RCNN = DetectorKind(
    name="mask_rcnn",
    title="Mask R-CNN weights",
    weights="weights.h5",
    store_name=single_file("weights.h5", ".h5", ".hdf5"),
    class_ids="listed",
    # The keys are the reference configuration's names in lower case.
    options={
        "image_min_dim": whole_number(0, 8192),
        "image_max_dim": whole_number(64, 8192),
        "image_resize_mode": one_of("square", "pad64", "none"),
        "rpn_anchor_scales": numbers(1, 8192, 5, 5),
        "rpn_anchor_ratios": numbers(0.01, 100, 1, 16),
        "mean_pixel": numbers(0, 255, 3, 3),
        "post_nms_rois_inference": whole_number(1, 20_000),
        "pre_nms_limit": whole_number(1, 100_000),
        "rpn_nms_threshold": share(),
        "detection_max_instances": whole_number(1, 10_000),
        "detection_min_confidence": share(),
        "detection_nms_threshold": share(),
    },
    threshold=0.7,
    threshold_option="detection_min_confidence",
    revision=2,  # 2: holes are kept
    cost=NetworkProfile("mask-rcnn", 260 * _MIB, 1600 * _MIB, 3.0, 0.01, "guessed"),
    extra="mask-rcnn",
    inspect=_inspect,
    load=_load,
)

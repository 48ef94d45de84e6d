"""What a Mask R-CNN's weights cannot say: the training library's defaults, and what model.yaml puts in their place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from firstpass.errors import FirstpassError

STRIDES = (4, 8, 16, 32, 64)
"""Pixels of the network's input for one step on each level of the pyramid, P2 to P6."""


@dataclass(frozen=True, slots=True)
class Config:
    """The inference settings, under model.yaml's names; the defaults are the training library's.

    Lengths are in pixels of the network's input, confidences and thresholds 0..1.
    """

    image_min_dim: int = 800
    image_max_dim: int = 1024
    image_resize_mode: str = "square"
    rpn_anchor_scales: tuple[float, ...] = (32, 64, 128, 256, 512)
    rpn_anchor_ratios: tuple[float, ...] = (0.5, 1, 2)
    mean_pixel: tuple[float, ...] = (123.7, 116.8, 103.9)
    post_nms_rois_inference: int = 1000
    pre_nms_limit: int = 6000
    rpn_nms_threshold: float = 0.7
    detection_max_instances: int = 100
    detection_min_confidence: float = 0.7
    detection_nms_threshold: float = 0.3

    @classmethod
    def from_options(cls, options: Mapping[str, Any] | None) -> Config:
        """The settings of a version; keys that are not the network's own (kind, threshold) are ignored.

        The single values are expected to be in order (`firstpass.models.model_yaml` checks them). Raises FirstpassError
        for sizes that the pyramid cannot halve six times, and for a number of anchor scales other than its levels.
        """
        known = {field.name for field in fields(cls)}
        given: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in (options or {}).items()
            if key in known
        }
        config = cls(**given)
        if config.image_resize_mode == "square":
            _check_multiple("image_max_dim", config.image_max_dim)
        if config.image_resize_mode == "pad64":
            _check_multiple("image_min_dim", config.image_min_dim)
        if len(config.rpn_anchor_scales) != len(STRIDES):
            raise FirstpassError(
                f"model.yaml: rpn_anchor_scales has {len(config.rpn_anchor_scales)} values, {config.rpn_anchor_scales}",
                f"write one for each of the {len(STRIDES)} levels of the pyramid",
            )
        return config


def _check_multiple(key: str, value: int) -> None:
    if value % STRIDES[-1]:
        raise FirstpassError(
            f"model.yaml: {key} is {value}, which the network cannot halve six times",
            f"write the value that the model was trained with, a multiple of {STRIDES[-1]}",
        )

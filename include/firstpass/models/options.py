"""model.yaml beside the weights: what the weights themselves cannot say. Optional, and every key is.

The keys are the reference configuration's names in lower case. Which defaults hold where a key is missing is the
detector's to know.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import yaml

from firstpass.errors import FirstpassError
from firstpass.models.classes_csv import decode_text
from firstpass.models.version import Kind

TFOD_THRESHOLD = 0.5
MASK_RCNN_THRESHOLD = 0.7


@dataclass(frozen=True, slots=True)
class _Rule:
    says: str
    fits: Callable[[Any], bool]


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _share(value: Any) -> bool:
    return _number(value) and 0 <= value <= 1


def _whole(low: int, high: int) -> _Rule:
    return _Rule(
        f"a whole number from {low} to {high}",
        lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high,
    )


def _numbers(low: float, high: float, least: int, most: int) -> _Rule:
    many = f"{least}" if least == most else f"{least} to {most}"
    return _Rule(
        f"a list of {many} numbers from {low:g} to {high:g}",
        lambda value: (
            isinstance(value, list)
            and least <= len(value) <= most
            and all(_number(item) and low <= item <= high for item in value)
        ),
    )


def _one_of(*choices: str) -> _Rule:
    return _Rule(f"one of {', '.join(choices)}", lambda value: isinstance(value, str) and value in choices)


_SHARE = _Rule("a number from 0 to 1", _share)

RULES: dict[str, _Rule] = {
    "kind": _one_of("tfod", "mask_rcnn"),
    "image_min_dim": _whole(0, 8192),
    "image_max_dim": _whole(64, 8192),
    "image_resize_mode": _one_of("square", "pad64", "none"),
    "rpn_anchor_scales": _numbers(1, 8192, 5, 5),
    "rpn_anchor_ratios": _numbers(0.01, 100, 1, 16),
    "mean_pixel": _numbers(0, 255, 3, 3),
    "post_nms_rois_inference": _whole(1, 20_000),
    "pre_nms_limit": _whole(1, 100_000),
    "rpn_nms_threshold": _SHARE,
    "detection_max_instances": _whole(1, 10_000),
    "detection_min_confidence": _SHARE,
    "detection_nms_threshold": _SHARE,
    "threshold": _SHARE,
}


def parse(data: bytes, kind: Kind, name: str = "model.yaml") -> dict[str, Any]:
    """The settings in a model.yaml beside weights of `kind`.

    Raises FirstpassError naming the file, the key and the value: for what is not YAML, an unknown key (listing the
    known ones), a value out of bounds, a `kind` that the weights are not.
    """
    try:
        raw = yaml.safe_load(decode_text(data, name))
    except (yaml.YAMLError, RecursionError) as error:
        place = (
            f" row {error.problem_mark.line + 1}"
            if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark
            else ""
        )
        raise FirstpassError(f"{name}{place}: is not YAML", "write lines of `key: value`") from error
    return check({} if raw is None else raw, kind, name)


def check(raw: Any, kind: Kind, name: str) -> dict[str, Any]:
    """`raw` if it is a mapping of known keys to values within their bounds; raises as `parse` does."""
    if not isinstance(raw, dict):
        raise FirstpassError(f"{name}: holds {reprlib.repr(raw)}, not settings", "write lines of `key: value`")
    for key, value in raw.items():
        if key not in RULES:
            raise FirstpassError(f"{name}: unknown key {reprlib.repr(key)}", f"the known keys are {', '.join(RULES)}")
        if not RULES[key].fits(value):
            raise FirstpassError(f"{name}: {key} is {reprlib.repr(value)}", f"write {RULES[key].says}")
    stated = raw.get("kind")
    if stated is not None and (stated == "mask_rcnn") != (kind is Kind.MASK_RCNN):
        raise FirstpassError(
            f"{name}: kind is {stated!r}, but the weights beside it are {kind.value}",
            "correct the kind, or put the right weights there",
        )
    return dict(raw)


def dump(options: dict[str, Any]) -> bytes:
    """The text of a model.yaml with these settings."""
    return yaml.safe_dump(options, sort_keys=True, allow_unicode=True).encode()


def threshold(options: dict[str, Any], kind: Kind) -> float:
    """The model's default score threshold: its own, else what its training workflow takes for good enough."""
    if kind is Kind.MASK_RCNN:
        fallback = options.get("detection_min_confidence", MASK_RCNN_THRESHOLD)
    else:
        fallback = TFOD_THRESHOLD
    return float(options.get("threshold", fallback))

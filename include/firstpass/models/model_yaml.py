"""model.yaml beside the weights: what the weights themselves cannot say. Optional, and every key is.

Every kind knows `kind`, `threshold` and `floor`; its record lists the keys of its own. Which defaults hold where a key
is missing is the detector's to know.
"""

from __future__ import annotations

import reprlib
from typing import Any

import yaml

from firstpass.contracts.detector_kind import DetectorKind
from firstpass.contracts.option_rule import OptionRule, share
from firstpass.errors import FirstpassError
from firstpass.models.kinds import kind_of, kinds
from firstpass.models.text_files import decode_text


def parse(data: bytes, kind: str, name: str = "model.yaml") -> dict[str, Any]:
    """The settings in a model.yaml beside weights of `kind`.

    Raises FirstpassError naming the file, the key and the value: for what is not YAML, an unknown key (listing the
    known ones), a value out of bounds, a `kind` that the weights are not, a floor above the threshold.
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
    options = check({} if raw is None else raw, kind, name)
    _check_floor(options, kind, name)
    return options


def check(raw: Any, kind: str, name: str) -> dict[str, Any]:
    """`raw` if it is a mapping of known keys to values within their bounds; raises as `parse` does.

    It may be a part of a model's settings: whether its floor goes with the threshold, `parse` tells of the whole.
    """
    if not isinstance(raw, dict):
        raise FirstpassError(f"{name}: holds {reprlib.repr(raw)}, not settings", "write lines of `key: value`")
    record = kind_of(kind)
    own = rules(record)
    others = {key: rule for each in kinds().values() for key, rule in each.options.items()}
    for key, value in raw.items():
        rule = own.get(key) or others.get(key)  # a file that several models share may have keys of other kinds
        if rule is None:
            raise FirstpassError(
                f"{name}: unknown key {reprlib.repr(key)}", f"the keys for {record.title} are {', '.join(own)}"
            )
        if not rule.fits(value):
            raise FirstpassError(f"{name}: {key} is {reprlib.repr(value)}", f"write {rule.says}")
    stated = raw.get("kind")
    if stated is not None and stated not in (kind, *record.families):
        raise FirstpassError(
            f"{name}: kind is {stated!r}, but the weights beside it are {kind}",
            "correct the kind, or put the right weights there",
        )
    return dict(raw)


def dump(options: dict[str, Any]) -> bytes:
    """The text of a model.yaml with these settings."""
    return yaml.safe_dump(options, sort_keys=True, allow_unicode=True).encode()


def threshold(options: dict[str, Any], kind: str) -> float:
    """The model's default score threshold: its own, else its training workflow's."""
    record = kind_of(kind)
    return float(options.get("threshold", options.get(record.threshold_option, record.threshold)))


def floor(options: dict[str, Any]) -> float | None:
    """The score from which the model's detections are stored; None where the file leaves it to the settings."""
    return float(options["floor"]) if "floor" in options else None


def _check_floor(options: dict[str, Any], kind: str, name: str) -> None:
    limit = threshold(options, kind)
    if options.get("floor", 0) > limit:
        raise FirstpassError(
            f"{name}: floor is {options['floor']:g}, above the threshold {limit:g}: drafts would not be stored",
            f"write a floor of {limit:g} or less, or raise the threshold",
        )


def rules(kind: DetectorKind) -> dict[str, OptionRule]:
    """The keys that a kind knows, and what their values may be."""
    text = OptionRule("the name of a kind of model", lambda value: isinstance(value, str))
    floor = OptionRule(
        "a number above 0, up to the threshold; it is one for all classes",
        lambda value: share().fits(value) and value > 0,
    )
    return {"kind": text, "threshold": share(), "floor": floor, **kind.options}

"""The floor of a model: the score from which its detections are stored, however high the thresholds are."""

from __future__ import annotations

from firstpass.contracts.model_version import ModelVersion
from firstpass.errors import FirstpassError
from firstpass.settings import settings


def own_floor(version: ModelVersion) -> float:
    """The floor where the settings name none: model.yaml's, else half of the model's threshold."""
    return version.threshold / 2 if version.floor is None else version.floor


def floor_of(version: ModelVersion) -> float:
    """model.yaml's floor, else the setting `floor`, else half of the model's threshold.

    Raises FirstpassError for a setting above the model's threshold: what is stored would lack drafts.
    """
    asked = settings().floor
    if asked is None or version.floor is not None:
        return own_floor(version)
    if asked > version.threshold:
        raise FirstpassError(
            f"FIRSTPASS_FLOOR is {asked:g}, above the threshold {version.threshold:g} of {version.ref}",
            "set it to the lowest threshold of your models or less, or write `floor` into this model's model.yaml",
        )
    return asked

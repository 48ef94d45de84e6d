"""From a version in the store to a network that is ready to predict."""

from __future__ import annotations

from firstpass.contracts.detector import Detector
from firstpass.contracts.model_version import ModelVersion
from firstpass.models import kinds
from firstpass.models.floors import floor_of
from firstpass.models.local_copy import local_folder
from firstpass.models.store import load_version
from firstpass.models.version_files import verify


def load_detector(uri: str, floor: float | None = None) -> tuple[ModelVersion, Detector]:
    """The version whose folder is `uri`, its files verified, and the detector over them. Takes seconds.

    floor: the score from which detections are wanted; the version's own when None.

    Raises FirstpassError when the version is gone, when a file is not what was admitted, and as `kinds.load` does.
    """
    folder = local_folder(uri)
    version = load_version(uri)
    verify(version, folder)
    return version, kinds.load(version, folder, floor_of(version) if floor is None else floor)

"""One real photograph through the network, before any night relies on it."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from firstpass.contracts.detections import Detections
from firstpass.contracts.detector import PreparedInput
from firstpass.contracts.model_version import ModelVersion
from firstpass.errors import FirstpassError
from firstpass.models import kinds
from firstpass.models.floors import own_floor

PHOTO = Path(__file__).with_name("probe.jpg")
_NO_MEMORY = "ResourceExhaustedError"  # TensorFlow's, which need not be installed


@runtime_checkable
class _Candid(Protocol):
    """A detector that tells what its `predict` would tidy silently."""

    def faults(self, item: PreparedInput) -> list[str]: ...


def probe(version: ModelVersion, folder: Path) -> list[str]:
    """Load the network in `folder` and run it on a bundled photo. Returns what is wrong, a sentence each; none is good.

    Finding nothing is no fault: the photo need not show any of the model's classes. Takes seconds: the network's
    library is imported here. Raises MemoryError where there was not enough memory for it.
    """
    import cv2

    image: NDArray[np.uint8] = cv2.imread(str(PHOTO), cv2.IMREAD_COLOR_RGB)  # type: ignore[assignment]
    height, width = image.shape[:2]
    try:
        detector = kinds.load(version, folder, own_floor(version))
        prepared = detector.prepare(image)
        if isinstance(detector, _Candid) and (wrong := detector.faults(prepared)):
            return [f"the probe inference went wrong: {fault}" for fault in wrong]
        found = detector.predict([prepared])[0]
    except FirstpassError as error:
        return [f"{error.problem}; {error.fix}"]
    except MemoryError:
        raise
    except Exception as error:  # whatever a foreign network raises is a reason to refuse it
        if type(error).__name__ == _NO_MEMORY:
            raise MemoryError(str(error)[:300]) from error
        return [f"the probe inference failed: {type(error).__name__}: {str(error)[:300]}"]
    return faults(found, width, height, set(version.classes.names))


def faults(found: Detections, width: int, height: int, ids: set[int]) -> list[str]:
    """What no sound network would say of an image of `width` × `height` pixels."""
    reasons = []
    if not (np.isfinite(found.scores).all() and np.isfinite(found.boxes).all()):
        reasons.append("the probe inference gave scores or boxes that are not finite numbers")
    elif found.scores.size and (found.scores.min() < 0 or found.scores.max() > 1):
        reasons.append(f"the probe inference gave scores outside 0..1, up to {found.scores.max():g}")
    limits = np.array([width, height, width, height], np.float32) + 1
    if found.boxes.size and ((found.boxes < -1) | (found.boxes > limits)).any():
        reasons.append("the probe inference gave boxes outside the photo")
    if unknown := sorted(set(found.class_ids.tolist()) - ids):
        reasons.append(f"the probe inference gave class id {unknown[0]}, which classes.csv does not have")
    return reasons

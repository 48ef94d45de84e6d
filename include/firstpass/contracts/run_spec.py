"""What a run was asked to do: written once as run.json, read by every task after it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, fields
from hashlib import sha256
from typing import Any, Self

from firstpass import storage
from firstpass.contracts.thresholds import Thresholds
from firstpass.errors import FirstpassError
from firstpass.settings import settings


@dataclass(frozen=True, slots=True)
class RunSpec:
    """One run's settings, resolved and checked; everything that follows reads these and no parameter again.

    run_id: Airflow's. model: `name@version`; model_uri: the version's folder. thresholds: which detections become
    drafts. floor: the score, 0..1, from which detections are stored; at most the lowest threshold. revision: of the
    model's kind, see `DetectorKind`. reprocess: infer again what is known. started_at: ISO, UTC.
    publish: whether the DAG publish puts the drafts into CVAT afterwards, where the images come from CVAT.
    """

    run_id: str
    images: str
    model: str
    model_uri: str
    thresholds: Thresholds
    floor: float
    revision: int
    reprocess: bool
    engine: str
    started_at: str
    publish: bool = False

    @property
    def uri(self) -> str:
        """The run's folder in storage."""
        return run_folder(self.run_id)

    def to_dict(self) -> dict[str, Any]:
        """What run.json holds: the thresholds as `threshold` and `class_thresholds` (class id → score)."""
        names = [field.name for field in fields(self) if field.name != "thresholds"]
        thresholds = {
            "threshold": self.thresholds.default,
            "class_thresholds": {str(class_id): score for class_id, score in self.thresholds.by_class.items()},
        }
        return {name: getattr(self, name) for name in names} | thresholds

    def save(self) -> str:
        """Write run.json; returns its folder's URI."""
        storage.write(storage.join(self.uri, "run.json"), json.dumps(self.to_dict(), indent=1).encode())
        return self.uri

    @classmethod
    def load(cls, run_uri: str) -> Self:
        """Read it back. Raises FirstpassError for a folder that holds no run, or none any more.

        Release 0.1.0 stored what reached the threshold: it counts as stored with the highest of them as its floor.
        """
        try:
            raw: dict[str, Any] = json.loads(storage.read(storage.join(run_uri, "run.json")))
        except FileNotFoundError as error:
            raise FirstpassError(
                f"there is no {run_uri}/run.json: the run was pruned, or storage is elsewhere now",
                "trigger a new run; what is stored already is not inferred again",
            ) from error
        by_class = {int(class_id): score for class_id, score in raw.pop("class_thresholds").items()}
        thresholds = Thresholds(raw.pop("threshold"), by_class)
        as_before = {"floor": max([thresholds.default, *by_class.values()]), "revision": 1}
        return cls(**as_before | raw, thresholds=thresholds)


def run_folder(run_id: str) -> str:
    """The folder of a run: its id with what file systems and URIs dislike replaced, and a hash to keep ids apart."""
    slug = re.sub(r"[^A-Za-z0-9._-]+", "_", run_id)[:100].strip(".")
    return storage.join(settings().storage, "runs", f"{slug}-{sha256(run_id.encode()).hexdigest()[:6]}")

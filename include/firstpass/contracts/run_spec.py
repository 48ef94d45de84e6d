"""What a run was asked to do: written once as run.json, read by every task after it."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any, Self

from firstpass import storage
from firstpass.settings import settings


@dataclass(frozen=True, slots=True)
class RunSpec:
    """One run's settings, resolved and checked; everything that follows reads these and no parameter again.

    run_id: Airflow's. model: `name@version`; model_uri: the version's folder. threshold: 0..1, the model-wide one;
    class_thresholds: class id → score where it differs. reprocess: infer again what is known. started_at: ISO, UTC.
    publish: whether the DAG publish puts the drafts into CVAT afterwards, where the images come from CVAT.
    """

    run_id: str
    images: str
    model: str
    model_uri: str
    threshold: float
    class_thresholds: dict[int, float]
    reprocess: bool
    engine: str
    started_at: str
    publish: bool = False

    @property
    def uri(self) -> str:
        """The run's folder in storage."""
        return run_folder(self.run_id)

    @property
    def settings_hash(self) -> str:
        """The inference settings' share in a prediction's identity: (image content, model version, this)."""
        thresholds = {str(k): v for k, v in sorted(self.class_thresholds.items())}
        return sha256(json.dumps([self.threshold, thresholds]).encode()).hexdigest()[:12]

    def save(self) -> str:
        """Write run.json; returns its folder's URI."""
        storage.write(storage.join(self.uri, "run.json"), json.dumps(asdict(self), indent=1).encode())
        return self.uri

    @classmethod
    def load(cls, run_uri: str) -> Self:
        """Read it back. Raises FileNotFoundError for a folder that holds no run."""
        raw: dict[str, Any] = json.loads(storage.read(storage.join(run_uri, "run.json")))
        return cls(**raw | {"class_thresholds": {int(k): v for k, v in raw["class_thresholds"].items()}})


def run_folder(run_id: str) -> str:
    """The folder of a run: its id with what file systems and URIs dislike replaced, and a hash to keep ids apart."""
    slug = re.sub(r"[^A-Za-z0-9._-]+", "_", run_id)[:100].strip(".")
    return storage.join(settings().storage, "runs", f"{slug}-{sha256(run_id.encode()).hexdigest()[:6]}")

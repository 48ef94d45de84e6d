"""What a person or the schedule asked for, checked before a run begins."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any

from firstpass import storage
from firstpass.contracts.model_version import ModelVersion
from firstpass.contracts.run_spec import RunSpec
from firstpass.contracts.thresholds import Thresholds
from firstpass.errors import FirstpassError
from firstpass.images.empty_folder import refuse_empty
from firstpass.images.sources import check as check_images
from firstpass.images.sources import is_address, source_of
from firstpass.models.floors import floor_of
from firstpass.models.kinds import kind_of
from firstpass.models.resolution import expected, resolve
from firstpass.models.store import version_uri
from firstpass.settings import Settings, settings


@dataclass(frozen=True, slots=True)
class RunRequest:
    """The parameters of the DAG `preannotate`, unchecked.

    threshold None means the model's own; class_thresholds maps class names to scores. One below the model's floor
    lowers the floor of this run: what is not stored from there up is inferred again. publish: put the drafts into
    CVAT afterwards, where the images come from there. engine: local or kubernetes; the configured one when empty.
    """

    run_id: str
    images: str
    model: str
    threshold: float | None = None
    class_thresholds: dict[str, float] | None = None
    reprocess: bool = False
    publish: bool = False
    engine: str = ""

    @property
    def asked(self) -> dict[str, Any]:
        """All of it but the run's id, as it came."""
        asked = asdict(self)
        del asked["run_id"]
        return asked

    def resolve(self) -> tuple[RunSpec, ModelVersion]:
        """Check everything and settle on a model version.

        Raises FirstpassError for images that are not there, an unknown model or version, a threshold outside 0..1, a
        threshold for a class that the model does not have, and folders that pods could not reach.
        """
        self._check_score()
        check_images(self.images)
        version = resolve(self.model)
        thresholds = self._thresholds(version)
        self._check_reach()
        spec = RunSpec(
            run_id=self.run_id,
            images=self.images,
            model=version.ref,
            model_uri=version_uri(version),
            thresholds=thresholds,
            floor=min(floor_of(version), thresholds.lowest),
            revision=kind_of(version.kind).revision,
            reprocess=self.reprocess,
            engine=self.engine or settings().engine,
            started_at=datetime.now(UTC).isoformat(timespec="seconds"),
            publish=self.publish,
        )
        return spec, version

    def refuse_early(self) -> None:
        """Check what this machine can tell by itself, before a run is started.

        Raises FirstpassError as `resolve` does for a folder, a model in a local store, thresholds and the engine; also
        for a folder without images.
        Admits nothing, and asks neither S3 nor CVAT: for those a run has Airflow's connections, and time to wait.
        """
        self._check_score()
        if not is_address(self.images):
            check_images(self.images)
            refuse_empty(self.images)
        self._check_reach()
        if not storage.is_s3(settings().models) and (version := expected(self.model)):
            self._thresholds(version)

    def _check_score(self) -> None:
        if self.threshold is not None:
            _score("threshold", self.threshold)

    def _check_reach(self) -> None:
        if (self.engine or settings().engine) == "kubernetes":
            require_reachable(settings(), self.images)

    def _thresholds(self, version: ModelVersion) -> Thresholds:
        default = version.threshold if self.threshold is None else _score("threshold", self.threshold)
        return Thresholds(default, _class_thresholds(version, self.class_thresholds or {}))


def require_reachable(settings: Settings, images: str) -> None:
    """Raise FirstpassError for storage, models or images in a folder of this machine, which no pod can read.

    Where volumes are mounted into the pods, it is believed that they bring these folders.
    """
    if settings.kubernetes_volumes:
        return
    places = {
        "FIRSTPASS_STORAGE": (settings.storage, storage.is_s3(settings.storage)),
        "FIRSTPASS_MODELS": (settings.models, storage.is_s3(settings.models)),
        "images": (images, source_of(images).reaches_pods()),
    }
    for name, (uri, reachable) in places.items():
        if not reachable:
            raise FirstpassError(
                f"{name} is {uri}, a folder that pods cannot reach",
                f"give {name} as s3://bucket/prefix, or mount the folder into the pods: FIRSTPASS_KUBERNETES_VOLUMES",
            )


def _score(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise FirstpassError(f"{name} is {value!r}", "give a number from 0 to 1, for example 0.4")
    return float(value)


def _class_thresholds(version: ModelVersion, asked: dict[str, float]) -> dict[int, float]:
    ids = version.classes.ids
    for name in asked:
        if name not in ids:
            near = get_close_matches(name, ids, n=3, cutoff=0.5) or list(ids)[:10]
            raise FirstpassError(
                f"class_thresholds names {name!r}, which is not a class of {version.ref}",
                f"use one of its {len(ids)} classes, for example {', '.join(map(repr, near))}",
            )
    return {ids[name]: _score(f"class_thresholds[{name!r}]", value) for name, value in asked.items()}

"""From a model's name, or a folder with its files, to a network that is ready to predict."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from firstpass.api.detecting import LoadedModel
from firstpass.contracts.model_version import ModelVersion
from firstpass.errors import FirstpassError
from firstpass.models import artifacts, classes_csv, kinds, model_yaml
from firstpass.models.artifacts import ModelArtifact
from firstpass.models.load_detector import load_detector
from firstpass.models.resolution import resolve
from firstpass.models.store import load_version, version_uri
from firstpass.models.version_files import RECORD, content_hash, fingerprint

T = TypeVar("T")


def load_model(model: str | Path) -> LoadedModel:
    """A model that is ready to detect. Takes seconds: its runtime is imported and its weights are read.

    model: `name` (its newest admitted version) or `name@version` of the model store (FIRSTPASS_MODELS), or a folder:
    a version's own in a store, a model's in a store (its newest admitted version), or one as training leaves it, with
    weights and classes.csv. The last is checked (number of classes, operations of the graph), but not admitted:
    `firstpass models check` does all that admission does.

    Raises FirstpassError for a model that is not there, was refused, is damaged or not complete, and where the extra
    that its kind needs is not installed.
    """
    folder = Path(model).expanduser()
    if isinstance(model, str) and not ("/" in model or folder.is_dir()):
        return _from_store(version_uri(resolve(model)))
    if not folder.is_dir():
        raise FirstpassError(f"{folder} is not a folder", "give a model's name, or the folder that holds its files")
    folder = folder.absolute()
    if (folder / RECORD).is_file():
        return _from_store(str(folder))
    versions = sorted(path.parent for path in folder.glob(f"*/{RECORD}"))
    if versions and not artifacts.holds_weights(artifacts.names_in(folder)):
        return _from_store(_newest(versions))
    return _from_training(folder)


def _from_store(uri: str) -> LoadedModel:
    version = load_version(uri)
    if not version.admitted:
        raise FirstpassError(f"{version.ref} was refused: {'; '.join(version.reasons)}", "use another version")
    return LoadedModel(version, lambda floor: load_detector(uri, floor)[1])


def _from_training(folder: Path) -> LoadedModel:
    artifact = artifacts.find(folder)

    def staged(use: Callable[[Path], T]) -> T:
        """What `use` gives for a folder with the model's files, under the names that they have in the store."""
        with tempfile.TemporaryDirectory(prefix="firstpass-model-") as scratch:
            target = Path(scratch, "model")
            artifacts.stage(folder, artifact, target, bring=lambda source, link: link.symlink_to(source))
            return use(target)

    version = staged(lambda files: _version(folder, artifact, files))
    return LoadedModel(version, lambda floor: staged(lambda files: kinds.load(version, files, floor)))


def _newest(folders: list[Path]) -> str:
    """Of a model's folder in a store: the folder of the version that was admitted last."""
    records = [(ModelVersion.from_json((folder / RECORD).read_text("utf-8")), folder) for folder in folders]
    admitted = [(version.decided_at, str(folder)) for version, folder in records if version.admitted]
    if not admitted:
        raise FirstpassError(f"{folders[0].parent} has no admitted version", "see `firstpass models list`")
    return max(admitted)[1]


def _version(folder: Path, artifact: ModelArtifact, staged: Path) -> ModelVersion:
    rows = classes_csv.parse((staged / artifacts.CLASSES).read_bytes(), artifact.kind)
    options_file = staged / artifacts.OPTIONS
    options = model_yaml.parse(options_file.read_bytes(), artifact.kind) if options_file.is_file() else {}
    count = kinds.inspect(artifact.kind, staged).class_count
    if count is not None and count != len(rows):
        raise FirstpassError(
            f"{folder / artifacts.CLASSES} has {len(rows)} rows, but the network emits {count} classes",
            "take the weights and the classes.csv of the same training run",
        )
    files = fingerprint(staged)
    return ModelVersion(
        name=folder.name,
        version=content_hash(files),
        kind=artifact.kind,
        files=files,
        classes=classes_csv.class_table(rows),
        source=str(folder),
        decided_at="",
        admitted=True,
        threshold=model_yaml.threshold(options, artifact.kind),
        options=options or None,
        floor=model_yaml.floor(options),
    )

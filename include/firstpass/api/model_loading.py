"""From a model's name, or a folder with its files, to a network that is ready to predict."""

from __future__ import annotations

import tempfile
from pathlib import Path

from firstpass.api.detecting import LoadedModel
from firstpass.contracts.detector import Detector
from firstpass.contracts.model_version import ModelVersion
from firstpass.errors import FirstpassError
from firstpass.models import artifacts, classes_csv, kinds, model_yaml
from firstpass.models.artifacts import ModelArtifact
from firstpass.models.load_detector import load_detector
from firstpass.models.resolution import resolve
from firstpass.models.store import version_uri
from firstpass.models.version_files import RECORD, content_hash, fingerprint


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
        version, detector = load_detector(version_uri(resolve(model)))
    elif not folder.is_dir():
        raise FirstpassError(f"{folder} is not a folder", "give a model's name, or the folder that holds its files")
    elif (folder / RECORD).is_file():
        version, detector = load_detector(str(folder.absolute()))
    else:
        version, detector = _from_folder(folder.absolute())
    if not version.admitted:
        raise FirstpassError(f"{version.ref} was refused: {'; '.join(version.reasons)}", "use another version")
    return LoadedModel(version, detector)


def _from_folder(folder: Path) -> tuple[ModelVersion, Detector]:
    versions = sorted(path.parent for path in folder.glob(f"*/{RECORD}"))
    if versions and not artifacts.holds_weights(artifacts.names_in(folder)):
        return _newest(versions)
    artifact = artifacts.find(folder)
    with tempfile.TemporaryDirectory(prefix="firstpass-model-") as scratch:
        staged = Path(scratch, "model")
        artifacts.stage(folder, artifact, staged, bring=lambda source, target: target.symlink_to(source))
        version = _version(folder, artifact, staged)
        return version, kinds.load(version, staged)


def _newest(folders: list[Path]) -> tuple[ModelVersion, Detector]:
    """Of a model's folder in a store: the version that was admitted last."""
    records = [(ModelVersion.from_json((folder / RECORD).read_text("utf-8")), folder) for folder in folders]
    admitted = [(version.decided_at, str(folder)) for version, folder in records if version.admitted]
    if not admitted:
        raise FirstpassError(f"{folders[0].parent} has no admitted version", "see `firstpass models list`")
    return load_detector(max(admitted)[1])


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
    )

"""Which files make a model: the training workflows' layouts, recognised by name alone, on disk and in object storage.

Whatever a file is called where it comes from, in the store it has one of the names below or one that its kind gives it.
So no name from outside ever becomes a path of ours.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firstpass.contracts.detector_kind import DetectorKind
from firstpass.errors import FirstpassError
from firstpass.models.kinds import kinds

CLASSES = "classes.csv"
LABEL_MAPS = ("label_map.json", "label_map.pbtxt")
OPTIONS = "model.yaml"
NOTICES = ("NOTICE.md", "NOTICE", "NOTICE.txt", "LICENSE", "LICENSE.md", "LICENSE.txt")

_TEXTS = (CLASSES, *LABEL_MAPS, OPTIONS, *NOTICES)


@dataclass(frozen=True, slots=True)
class ModelArtifact:
    """A model as found. kind: its kind's name. files: name in the store → name where it was found, in the folder."""

    kind: str
    files: dict[str, str]


def recognise(names: Iterable[str], where: str) -> ModelArtifact:
    """What kind of model the files of one folder are, and which of them inference needs.

    names: '/'-separated, relative to the folder; others than a model's are ignored (checkpoints, pipeline.config).
    Where one kind yields to another (a saved_model/ beside a frozen graph is the same export twice), that one is taken.
    Raises FirstpassError, naming `where`, for a folder without weights, with weights of two models, without classes.csv
    or with half a model. Does not open any file.
    """
    present = list(names)
    kind, weights = _weights(present, where)
    if CLASSES not in present:
        raise FirstpassError(
            f"{where}: weights are there but {CLASSES} is not",
            f"put the {CLASSES} of the same training run beside them",
        )
    texts = [name for name in _TEXTS if name in present]
    return ModelArtifact(kind.name, {name: name for name in texts} | weights)


def find(folder: Path) -> ModelArtifact:
    """`recognise` over what lies in `folder`; symbolic links to files are followed, to folders are not."""
    names = [name for name in sorted(names_in(folder)) if (folder / name).is_file()]
    return recognise(names, str(folder))


def stage(
    folder: Path, artifact: ModelArtifact, staged: Path, bring: Callable[[Path, Path], Any] = shutil.copyfile
) -> None:
    """Bring what inference needs of `folder` to `staged`, under the store's own names. Symbolic links become files."""
    for name, found in artifact.files.items():
        target = staged / name
        target.parent.mkdir(parents=True, exist_ok=True)
        bring(folder / found, target)


def is_wanted(name: str) -> bool:
    """Whether a file of this name, relative to its folder, may be part of a model."""
    return name in _TEXTS or any(kind.store_name(name) for kind in kinds().values())


def holds_weights(names: Iterable[str]) -> bool:
    """Whether any of the names would be weights: cheap, for telling a model's folder from any other."""
    return any(kind.store_name(name) == kind.weights for name in names for kind in kinds().values())


def names_in(folder: Path) -> Iterable[str]:
    """The names in `folder`, relative to it, as deep as a model's files lie."""
    for pattern in ("*", *(f"{sub}/*" for sub in sub_folders())):
        yield from (path.relative_to(folder).as_posix() for path in folder.glob(pattern))


def sub_folders() -> list[str]:
    """The folders that a model's files may lie in, below the model's own; the deepest first."""
    found = {folder for kind in kinds().values() for folder in kind.folders}
    return sorted(found, key=lambda folder: (-folder.count("/"), folder))


def _weights(present: list[str], where: str) -> tuple[DetectorKind, dict[str, str]]:
    """The kind, and its files by their names in the store."""
    found = {kind.name: _files_of(kind, present) for kind in kinds().values()}
    there = [kind for kind in kinds().values() if kind.weights in found[kind.name]]
    names = {kind.name for kind in there}
    kept = [kind for kind in there if not names & set(kind.yields_to)]
    weights = sorted(name for kind in kept for name in found[kind.name][kind.weights])
    if len(weights) > 1:
        raise FirstpassError(
            f"{where}: weights of more than one model: {', '.join(weights)}", "keep the weights of one model only"
        )
    if not kept:
        shown = ", ".join(sorted(present)[:8]) or "nothing"
        wanted = ", ".join(sorted(kind.weights for kind in kinds().values()))
        raise FirstpassError(f"{where}: no weights; found {shown}", f"put weights ({wanted}) there, beside {CLASSES}")
    (kind,) = kept
    files = {name: originals[0] for name, originals in found[kind.name].items()}
    if missing := kind.missing(files):
        raise FirstpassError(
            f"{where}: {kind.title} that is not complete: {missing} is missing", "copy all of its files again"
        )
    return kind, files


def _files_of(kind: DetectorKind, present: list[str]) -> dict[str, list[str]]:
    files: dict[str, list[str]] = {}
    for found in present:
        if name := kind.store_name(found):
            files.setdefault(name, []).append(found)
    return files

"""Which files make a model: the training workflows' layouts, recognised by name alone, on disk and in object storage.

Whatever a file is called where it comes from, in the store it has one of the names below. So no name from outside ever
becomes a path of ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from firstpass.errors import FirstpassError
from firstpass.models.version import Kind

CLASSES = "classes.csv"
LABEL_MAPS = ("label_map.json", "label_map.pbtxt")
OPTIONS = "model.yaml"
NOTICES = ("NOTICE.md", "NOTICE", "NOTICE.txt", "LICENSE", "LICENSE.md", "LICENSE.txt")
FROZEN_GRAPH = "frozen_inference_graph.pb"
SAVED_MODEL = "saved_model/saved_model.pb"
WEIGHTS_H5 = "weights.h5"

# What is read whole into memory is small by nature; anything larger is no such file.
MAX_TEXT_BYTES = 2**20

_IN_SAVED_MODEL = re.compile(
    r"saved_model\.pb|fingerprint\.pb|variables/variables\.(index|data-\d{5}-of-\d{5})|assets/[A-Za-z0-9][\w.-]{0,99}",
    re.ASCII,
)
_VARIABLES = re.compile(r"saved_model/variables/variables\.data-(\d{5})-of-(\d{5})")
_TEXTS = (CLASSES, *LABEL_MAPS, OPTIONS, *NOTICES)
_WANTED = f"{FROZEN_GRAPH}, {SAVED_MODEL} or one .h5 file"


@dataclass(frozen=True, slots=True)
class Artifact:
    """A model as found: its kind, and name in the store → name where it was found, relative to the folder."""

    kind: Kind
    files: dict[str, str]


def recognise(names: Iterable[str], where: str) -> Artifact:
    """What kind of model the files of one folder are, and which of them inference needs.

    names: '/'-separated, relative to the folder; others than a model's are passed over (checkpoints, pipeline.config).
    A saved_model/ beside a frozen graph is the same export twice: the frozen graph is taken.
    Raises FirstpassError, naming `where`, for a folder without weights, with weights of two models, without classes.csv
    or with half a SavedModel. Does not open any file.
    """
    present = {name: _canonical(name) for name in names}
    kind, weights = _weights(present, where)
    if CLASSES not in present:
        raise FirstpassError(
            f"{where}: weights are there but {CLASSES} is not",
            f"put the {CLASSES} of the same training run beside them",
        )
    texts = [name for name in _TEXTS if name in present]
    return Artifact(kind, {name: name for name in texts} | weights)


def find(folder: Path) -> Artifact:
    """`recognise` over what lies in `folder`; symbolic links to files are followed, to folders are not."""
    names = [name for name in sorted(names_in(folder)) if (folder / name).is_file()]
    return recognise(names, str(folder))


def is_wanted(name: str) -> bool:
    """Whether a file of this name, relative to its folder, may be part of a model."""
    return _canonical(name) is not None


def holds_weights(names: Iterable[str]) -> bool:
    """Whether any of the names would be weights: cheap, for telling a model's folder from any other."""
    return any(_canonical(name) in {FROZEN_GRAPH, SAVED_MODEL, WEIGHTS_H5} for name in names)


def names_in(folder: Path) -> Iterable[str]:
    """The names in `folder`, relative to it, as deep as a model's files lie."""
    for pattern in ("*", "saved_model/*", "saved_model/variables/*", "saved_model/assets/*", "variables/*", "assets/*"):
        yield from (path.relative_to(folder).as_posix() for path in folder.glob(pattern))


def _canonical(name: str) -> str | None:
    """The name in the store, or None for a file that no model needs."""
    if name == FROZEN_GRAPH or name in _TEXTS:
        return name
    if "/" not in name and name.lower().endswith((".h5", ".hdf5")):
        return WEIGHTS_H5
    inside = name.removeprefix("saved_model/")
    return f"saved_model/{inside}" if _IN_SAVED_MODEL.fullmatch(inside) else None


def _weights(present: dict[str, str | None], where: str) -> tuple[Kind, dict[str, str]]:
    h5 = [name for name, canonical in present.items() if canonical == WEIGHTS_H5]
    saved = {canonical: name for name, canonical in present.items() if (canonical or "").startswith("saved_model/")}
    graphs = [name for name in present if name == FROZEN_GRAPH or name == saved.get(SAVED_MODEL)]
    if len(h5) > 1 or (h5 and graphs):
        found = ", ".join(sorted([*h5, *graphs]))
        raise FirstpassError(f"{where}: weights of more than one model: {found}", "leave the weights of one model")
    if h5:
        return Kind.MASK_RCNN, {WEIGHTS_H5: h5[0]}
    if FROZEN_GRAPH in present:
        return Kind.TFOD_FROZEN_GRAPH, {FROZEN_GRAPH: FROZEN_GRAPH}
    if SAVED_MODEL in saved:
        _check_variables(saved, where)
        return Kind.TFOD_SAVED_MODEL, {canonical: name for canonical, name in saved.items() if canonical}
    shown = ", ".join(sorted(present)[:8]) or "nothing"
    raise FirstpassError(f"{where}: no weights; found {shown}", f"put {_WANTED} there, beside {CLASSES}")


def _check_variables(saved: dict[str | None, str], where: str) -> None:
    """An interrupted upload leaves some of a SavedModel's files out."""
    shards = [match for name in saved if name and (match := _VARIABLES.fullmatch(name))]
    missing = []
    if "saved_model/variables/variables.index" not in saved:
        missing.append("saved_model/variables/variables.index")
    if not shards:
        missing.append("saved_model/variables/variables.data-00000-of-00001")
    for count in {match[2] for match in shards}:
        have = {match[1] for match in shards if match[2] == count}
        missing += [
            f"saved_model/variables/variables.data-{i:05}-of-{count}"
            for i in range(min(int(count), 1000))
            if f"{i:05}" not in have
        ]
    if missing:
        raise FirstpassError(
            f"{where}: the SavedModel is not whole: {missing[0]} is missing", "copy all of saved_model/"
        )

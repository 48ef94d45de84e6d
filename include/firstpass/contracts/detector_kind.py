"""One kind of model: the record that says everything the rest of Firstpass needs to know about it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from firstpass.contracts.detector import Detector, WeightsInspection
from firstpass.contracts.model_version import ModelVersion
from firstpass.contracts.network_profile import UNMEASURED, NetworkProfile
from firstpass.contracts.option_rule import OptionRule


def _nothing_missing(names: Collection[str]) -> str | None:
    del names
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorKind:
    """A kind of model, found by an entry point of the group `firstpass.detectors`.

    name: what model.json says and the entry point is called. title: the kind in a sentence ("a Mask R-CNN's weights").

    Its files:
    weights: the file's name in the store that shows that a folder holds this kind.
    store_name: a file's name, relative to the model's folder, → its name in the store; None for a file of no use.
    folders: sub-folders that its files lie in, beside the model's folder itself.
    missing: the first file that is missing of a model, given the names in the store that are there; None when it is
    complete (an upload may have been interrupted).
    yields_to: kinds whose weights beside these are the same export; theirs are taken.

    What people say about it:
    class_ids: `rows` where a class's id is its row in classes.csv (header `labels`), `listed` where the file has a
    column of ids (header `labels,id`).
    options: the keys of model.yaml that this kind knows, beside `kind` and `threshold`. families: other words that
    `kind` in model.yaml may have. threshold: the score from which a detection is a draft, where model.yaml does not say
    so; threshold_option: an option whose value is it where it is given.
    revision: raise it when the kind gives other detections for the same image than before: predictions of an older
    revision stay in use, and people are told that inferring again would renew them.

    What it costs and how it runs:
    cost: for planning, until real chunks were measured. extra: the extra that installs its runtime, as in `pip install
    'firstpass[tfod]'`, where it needs one. settings: a pydantic-settings class where the kind has settings of its own.
    inspect: what the weights in a folder say without being run. load: the detector over the files in a folder, given
    the floor: what scores below it is not wanted, so it may spare itself the work. Both raise FirstpassError naming the
    file for weights that are damaged, unsafe or of another shape. They import their runtime themselves, when they are
    called.
    """

    name: str
    title: str
    weights: str
    store_name: Callable[[str], str | None]
    inspect: Callable[[Path], WeightsInspection]
    load: Callable[[ModelVersion, Path, float], Detector]
    threshold: float
    cost: NetworkProfile = UNMEASURED
    extra: str = ""
    threshold_option: str = ""
    revision: int = 1
    class_ids: Literal["rows", "listed"] = "rows"
    folders: tuple[str, ...] = ()
    missing: Callable[[Collection[str]], str | None] = _nothing_missing
    yields_to: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    options: Mapping[str, OptionRule] = field(default_factory=dict)
    settings: type[Any] | None = None


def single_file(name: str, *suffixes: str) -> Callable[[str], str | None]:
    """The `store_name` of a kind whose weights are one file, which the store calls `name`.

    Any file with one of these suffixes; without suffixes, the file of that very name.
    """

    def store_name(found: str) -> str | None:
        if not suffixes:
            return name if found == name else None
        return name if "/" not in found and PurePosixPath(found).suffix.lower() in suffixes else None

    return store_name

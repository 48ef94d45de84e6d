"""A kind of model that ends its process when it sees a certain picture: the default network, and SIGKILL.

It comes as a package of its own would: found by an entry point, in a folder on PYTHONPATH.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from firstpass.contracts.detector import Detector, PreparedInput, WeightsInspection
from firstpass.contracts.detector_kind import single_file
from firstpass.contracts.model_version import ModelVersion
from firstpass.models.detectors.tfod.kind import FROZEN_GRAPH

NAME, WEIGHTS = "storm_graph", "storm_graph.pb"
GROUP = "STORM_KILLS_THE_GROUP"  # set: everything in the process's group dies with it
_METADATA = "storm_kind-1.0.dist-info"
MARK = np.array([7, 77, 177], np.uint8)  # the colour of the first four pixels of a picture that kills


class Deadly(Detector):
    """The network of another detector, which does not survive the mark."""

    def __init__(self, network: Detector) -> None:
        self._network = network
        self.streams, self.floor = network.streams, network.floor

    def prepare(self, image: Any) -> PreparedInput:
        prepared = self._network.prepare(image)
        return replace(prepared, context=((image[:2, :2] == MARK).all(), prepared.context))

    def predict(self, batch: Sequence[PreparedInput]) -> Any:
        if any(item.context and item.context[0] for item in batch):
            if os.environ.get(GROUP):
                os.killpg(0, signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGKILL)
        return self._network.predict([replace(item, context=item.context and item.context[1]) for item in batch])

    def warm_up(self, batch_size: int) -> None:
        self._network.warm_up(batch_size)


def _load(version: ModelVersion, folder: Path, floor: float) -> Detector:
    return Deadly(FROZEN_GRAPH.load(version, _named_as_usual(folder), floor))


def _inspect(folder: Path) -> WeightsInspection:
    return FROZEN_GRAPH.inspect(_named_as_usual(folder))


def _named_as_usual(folder: Path) -> Path:
    """A folder with a link to the weights under the name that the usual kind goes by."""
    plugins = next(Path(entry) for entry in sys.path if (Path(entry) / _METADATA).is_dir())
    links = plugins.with_name("links") / sha256(str(folder).encode()).hexdigest()[:12]
    links.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        (links / FROZEN_GRAPH.weights).symlink_to(folder / WEIGHTS)
    return links


KIND = replace(
    FROZEN_GRAPH,
    name=NAME,
    weights=WEIGHTS,
    store_name=single_file(WEIGHTS),
    families=(),
    inspect=_inspect,
    load=_load,
)


def install(plugins: Path) -> None:
    """Write the metadata by which Python finds the entry point, as pip does."""
    folder = plugins / _METADATA
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: storm-kind\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text(f"[firstpass.detectors]\n{NAME} = night_storm.killer:KIND\n")

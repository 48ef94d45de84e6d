"""What the network finds in each content when nothing disturbs it: predicted once, one picture at a time."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from night_storm.places import Places

Found = list[list[float]]
"""[class id, score, x1, y1, x2, y2] of each detection, by descending score."""

_SCORE, _PIXELS = 2e-3, 0.5  # what other batches may change


class Reference:
    """Keeps what was predicted; a process of its own, started when first needed, does the work."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._file = places.state / "reference.json"
        self._found: dict[str, Found] = json.loads(self._file.read_text()) if self._file.exists() else {}
        self._pool: ProcessPoolExecutor | None = None

    def learn(self, contents: Iterable[str]) -> None:
        """Predict what was never predicted."""
        new = sorted(set(contents) - self._found.keys())
        if not new:
            return
        self._pool = self._pool or ProcessPoolExecutor(
            1, get_context("spawn"), _silence, (self._places.logs / "reference.log",)
        )
        paths = [self._places.pictures / content for content in new]
        self._found |= zip(new, self._pool.submit(_predict, paths).result(), strict=True)
        scratch = self._file.with_suffix(".new")
        scratch.write_text(json.dumps(self._found))
        scratch.replace(self._file)

    def difference(self, content: str, found: Found, floor: float) -> str | None:
        """How a prediction differs from the undisturbed one; None where it does not."""
        wanted = self._found[content]
        sure = floor + 2 * _SCORE
        for these, those, name in ((wanted, found, "lacks"), (found, wanted, "has too much")):
            for each in these:
                if each[1] >= sure and not any(_alike(each, other) for other in those):
                    return f"{name} {each}"
        many = sum(each[1] >= sure for each in found) - sum(each[1] >= sure for each in wanted)
        return f"has {many:+d} detections" if abs(many) > 1 else None

    def close(self) -> None:
        if self._pool:
            self._pool.shutdown()


def _alike(one: list[float], other: list[float]) -> bool:
    near = np.abs(np.subtract(one, other))
    return bool(near[0] == 0 and near[1] <= _SCORE and (near[2:] <= _PIXELS).all())


def _silence(log: Path) -> None:
    """What TensorFlow has to say when it starts."""
    with log.open("ab") as file:
        os.dup2(file.fileno(), 2)


_LOADED: list[Any] = []


def _predict(paths: list[Path]) -> list[Found]:
    from firstpass.images.decoding import decode
    from firstpass.models.load_detector import load_detector
    from firstpass.models.resolution import resolve
    from firstpass.models.store import version_uri

    if not _LOADED:
        _LOADED.append(load_detector(version_uri(resolve("storm"))))
    version, detector = _LOADED[0]
    found = []
    for path in paths:
        (given,) = detector.predict([detector.prepare(decode(path.read_bytes()))])
        rows = np.column_stack([given.class_ids, given.scores, given.boxes]).astype(float)
        found.append([row for row in rows.tolist() if row[1] >= _floor(version)])
    return found


def _floor(version: Any) -> float:
    from firstpass.models.floors import floor_of

    return floor_of(version)

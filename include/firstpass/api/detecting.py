"""A model in your own process: images in, detections out. Needs no stack, no warehouse and no Airflow."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from firstpass import storage
from firstpass.chunks.cost_model import batch_size
from firstpass.chunks.profiles import machine, network_of
from firstpass.contracts.class_table import ClassTable
from firstpass.contracts.detections import Detections
from firstpass.contracts.detector import Detector, UnfitImage
from firstpass.contracts.image_reference import ImageRef
from firstpass.contracts.image_source import NEEDS_MEMORY, MissingImage, UnreadableImage
from firstpass.contracts.model_version import ModelVersion
from firstpass.contracts.outcome import Outcome
from firstpass.errors import FirstpassError
from firstpass.images.decoding import decode
from firstpass.images.fetching import fetch
from firstpass.images.sources import is_address
from firstpass.inference.batching import BatchRunner, batches
from firstpass.inference.image_reader import ImageTraits, PreparedImage
from firstpass.inference.process import decoding_threads
from firstpass.inference.result_rows import ResultRow
from firstpass.models.floors import floor_of
from firstpass.settings import settings

Image = str | Path | bytes | NDArray[np.uint8]
"""A path or an address (s3://bucket/key), an encoded picture, or RGB pixels, uint8 [height, width, 3]."""

_UNSEEN = ImageTraits("", 0.0, 1)  # nothing is stored here, so nothing is looked at
_AHEAD = 32  # images that are read and decoded before their turn


class LoadedModel:
    """A network that is ready to predict, as `firstpass.load_model` returns it.

    version: what was loaded, with its name, kind, options and default threshold.
    """

    def __init__(self, version: ModelVersion, load: Callable[[float], Detector]) -> None:
        """load: floor → the detector that gives what scores so much or more."""
        self.version = version
        self._batch_size = settings().batch_size or batch_size(network_of(version), machine(settings().machine))
        self._load = load
        self._floor = floor_of(version)
        self._runner = self._running(self._floor)

    @property
    def classes(self) -> ClassTable:
        """The classes that the network knows."""
        return self.version.classes

    def detect(
        self,
        images: Image | Iterable[Image],
        *,
        threshold: float | None = None,
        errors: Literal["return", "raise"] = "return",
    ) -> Iterator[Detections]:
        """One Detections per image, in order; images are taken as they are needed, a few ahead.

        threshold: detections that score less are left out; the model's own when None. Below the model's floor some
        kinds are loaded again, which takes seconds. Boxes and polygons are in pixels of the image as it is stored: an
        EXIF orientation is not applied.

        An image that cannot be read has no detections, and says in `error` why; with errors="raise" it raises
        FirstpassError instead. Raises FirstpassError for a threshold outside 0..1. What the network itself does not
        survive (no memory, no device) is raised as it comes.
        """
        limit = self.version.threshold if threshold is None else threshold
        if not 0 <= limit <= 1:
            raise FirstpassError(f"threshold is {limit!r}", "give a number from 0 to 1, for example 0.4")
        if limit < self._floor:
            self._floor = limit
            if limit < self._runner.floor:
                self._runner = self._running(limit)
        one = isinstance(images, str | Path | bytes) or (isinstance(images, np.ndarray) and images.ndim < 4)
        wanted: Iterable[Any] = [images] if one else images  # type: ignore[assignment]
        return self._detect(wanted, limit, errors)

    def _running(self, floor: float) -> BatchRunner:
        return BatchRunner(self._load(floor), 0.0, self._batch_size)

    def _detect(self, images: Iterable[Image], limit: float, errors: str) -> Iterator[Detections]:
        names = self.classes.names
        with ThreadPoolExecutor(decoding_threads(), "decode") as pool:
            prepared = _ahead(pool, self._prepare, enumerate(images))
            for rows in self._runner.run(batches(prepared, self._runner.share)):
                for row in rows:
                    if row.detections is None:
                        if errors == "raise":
                            raise FirstpassError(f"{row.ref.uri} {row.reason}", "leave it out, or replace it")
                        yield Detections.none(row.reason)
                        continue
                    found = row.detections.at_least(limit)
                    yield replace(found, names=tuple(names.get(i, f"class {i}") for i in found.class_ids.tolist()))

    def _prepare(self, numbered: tuple[int, Image]) -> PreparedImage | ResultRow:
        number, image = numbered
        ref = ImageRef(_name(number, image), 0, "")
        try:
            return PreparedImage(ref, _UNSEEN, self._runner.prepare(_pixels(image)))
        except (MissingImage, UnreadableImage, UnfitImage) as error:
            return ResultRow(ref, Outcome.UNREADABLE, str(error))
        except MemoryError:
            return ResultRow(ref, Outcome.UNREADABLE, NEEDS_MEMORY)


def _ahead(
    pool: ThreadPoolExecutor, prepare: Any, images: Iterator[tuple[int, Image]]
) -> Iterator[PreparedImage | ResultRow]:
    """Each image prepared, in order, with _AHEAD of them on their way."""
    waiting: deque[Future[PreparedImage | ResultRow]] = deque()
    for image in islice(images, _AHEAD):
        waiting.append(pool.submit(prepare, image))
    while waiting:
        ready = waiting.popleft().result()
        for image in islice(images, 1):
            waiting.append(pool.submit(prepare, image))
        yield ready


def _name(number: int, image: Image) -> str:
    return str(image) if isinstance(image, str | Path) else f"image {number}"


def _pixels(image: Image) -> NDArray[np.uint8]:
    if isinstance(image, np.ndarray):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
            raise UnreadableImage(f"is an array {image.dtype} {list(image.shape)}, not uint8 [height, width, 3]")
        return image
    if isinstance(image, bytes):
        return decode(image)
    if not isinstance(image, str | Path):
        raise UnreadableImage(f"is a {type(image).__name__}, not a path, bytes or an array")
    if isinstance(image, str) and is_address(image):
        return decode(fetch(ImageRef(image, 0, "")))
    path = Path(image).expanduser().absolute()
    size = path.stat().st_size if path.is_file() else 0
    return decode(fetch(ImageRef(storage.file_uri(path), size, "")))

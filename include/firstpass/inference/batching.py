"""Batches through the detector: what goes together, the floor, and a network that fails on one image."""

from __future__ import annotations

import logging
import re
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from firstpass.contracts.detections import Detections
from firstpass.contracts.detector import Detector, PreparedInput
from firstpass.contracts.image_source import NEEDS_MEMORY
from firstpass.contracts.outcome import Outcome
from firstpass.inference.flight_board import FlightBoard
from firstpass.inference.image_reader import PreparedImage
from firstpass.inference.result_rows import ResultRow

log = logging.getLogger("firstpass")

BYTES = 256 * 2**20  # of network input that a batch holds, but for its last image
_SHORT = re.compile(r"\boom\b|memory|resource_?exhausted|alloc", re.IGNORECASE)  # as TensorFlow, CUDA and cuDNN say it


def batches(items: Iterable[PreparedImage | ResultRow], size: int) -> Iterator[list[PreparedImage | ResultRow]]:
    """Neighbours whose network input has one shape, `size` images of them or fewer; rows ride along in their place.

    BYTES of input end a batch as well: a graph that is not divided takes pictures in full size.

    Where a batch ends depends only on what follows its start, so work taken up after a batch makes the same ones.
    """
    batch: list[PreparedImage | ResultRow] = []
    shape, ready, held = None, 0, 0
    for item in items:
        if isinstance(item, PreparedImage):
            if ready and item.prepared.pixels.shape != shape:
                yield batch
                batch, ready, held = [], 0, 0
            shape, ready, held = item.prepared.pixels.shape, ready + 1, held + item.prepared.pixels.nbytes
        batch.append(item)
        if ready == size or held >= BYTES:
            yield batch
            batch, ready, held = [], 0, 0
    if batch:
        yield batch


class BatchRunner:
    """A detector whose detections are kept from `floor` up. `seconds` adds up what predicting took, over its streams.

    batch_size: images under way at once, which are divided among the streams: `share` is what one of them takes.
    `board` is told what the network has.
    """

    def __init__(self, detector: Detector, floor: float, batch_size: int, board: FlightBoard | None = None) -> None:
        self._board = board
        self.share = max(1, batch_size // detector.streams)
        self._detector = detector
        self._floor = floor
        self._lock = Lock()
        self.seconds = 0.0

    @property
    def floor(self) -> float:
        """What scores less, the detector does not give: see `Detector.floor`."""
        return self._detector.floor

    def warm_up(self) -> None:
        """See `Detector.warm_up`."""
        self._detector.warm_up(self.share)

    def prepare(self, image: NDArray[np.uint8]) -> PreparedInput:
        """See `Detector.prepare`."""
        return self._detector.prepare(image)

    def run(self, batches: Iterable[Sequence[PreparedImage | ResultRow]]) -> Iterator[list[ResultRow]]:
        """Each batch's rows, one per image, in order; all batches that were taken are finished.

        One batch per stream is under way and one more waits, so that no stream does. Raises what the network raises
        when it fails on blank input too.
        """
        streams = self._detector.streams
        threads = ThreadPoolExecutor(streams, "network")
        waiting: deque[Future[list[ResultRow]]] = deque()
        try:
            for batch in batches:
                waiting.append(threads.submit(self._rows, batch))
                if len(waiting) > streams:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            threads.shutdown(cancel_futures=True)

    def _rows(self, batch: Sequence[PreparedImage | ResultRow]) -> list[ResultRow]:
        ready = [item for item in batch if isinstance(item, PreparedImage)]
        refs = [item.ref for item in ready]
        if self._board:
            self._board.inferring(refs)
        started = time.perf_counter()
        found = iter(self._predict([item.prepared for item in ready]) if ready else [])
        if self._board:
            self._board.inferred(refs)
        with self._lock:
            self.seconds += time.perf_counter() - started
        return [item if isinstance(item, ResultRow) else self._row(item, next(found)) for item in batch]

    def _row(self, item: PreparedImage, found: Detections | str) -> ResultRow:
        traits = item.traits
        read = (traits.sha256, item.prepared.width, item.prepared.height, traits.brightness, traits.orientation)
        if isinstance(found, str):
            return ResultRow(item.ref, Outcome.UNREADABLE, found, *read)
        kept = found.at_least(self._floor)
        return ResultRow(item.ref, Outcome.OK if len(kept) else Outcome.EMPTY, None, *read, kept)

    def _predict(self, batch: list[PreparedInput]) -> list[Detections | str]:
        """The detections of each image, or why the network failed on it; a failing batch is tried one by one."""
        try:
            return list(self._detector.predict(batch))
        except Exception as error:  # out of memory on a giant, say: whatever it is, the others go on
            log.warning("the network failed on %d image(s): %s", len(batch), str(error)[:300])
            if len(batch) > 1:
                return [found for item in batch for found in self._predict([item])]
            self._detector.warm_up(1)  # raises when it is the network or its device that is broken, not the image
            return [_reason(error)]


def _reason(error: Exception) -> str:
    said = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
    short = isinstance(error, MemoryError) or _SHORT.search(f"{type(error).__name__} {said}")
    return f"{NEEDS_MEMORY} for the network: {said}" if short else f"made the network fail: {said}"

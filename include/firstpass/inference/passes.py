"""The images of a chunk through the network: suspects alone, the others together, the killers once more."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from threading import Event
from typing import TypeVar

from firstpass.contracts.chunk_manifest import Chunk
from firstpass.contracts.detector import Detector
from firstpass.errors import FirstpassError
from firstpass.images.fetching import expect
from firstpass.inference import process
from firstpass.inference.attempts import Attempts
from firstpass.inference.batching import BatchRunner, batches
from firstpass.inference.checkpoints import Checkpoints
from firstpass.inference.gpus import gpus_asked, require_gpus, usable
from firstpass.inference.image_reader import ImageReader
from firstpass.inference.progress import Progress
from firstpass.models.kinds import kind_of
from firstpass.models.load_detector import load_detector
from firstpass.waiting import through, waited

_AHEAD = 256  # images in flight: more than a core decodes while TensorFlow is imported

T = TypeVar("T")


class Stopped(Exception):
    """The chunk was asked to stop. What is finished is kept; the same command continues from there."""


class Passes:
    """One attempt's work. The network is loaded once, when there is an image for it; rows go to `checkpoints`."""

    def __init__(self, chunk: Chunk, checkpoints: Checkpoints, attempts: Attempts, stop: Event) -> None:
        self._chunk = chunk
        self._checkpoints = checkpoints
        self._attempts = attempts
        self._stop = stop
        self._detector: Detector | None = None
        self._progress = Progress(chunk)
        self._seconds = dict.fromkeys(("load_seconds", "fetch_seconds", "decode_seconds", "infer_seconds"), 0.0)
        self._rate: float | None = None
        self._worked = False

    def run(self) -> None:
        """Until all is done, or `stop` is set and a batch at the least is done, so that a chunk that is stopped again
        and again comes to its end. Raises as `infer` does."""
        process.settle()
        if suspects := self._attempts.suspects:
            expect(self._chunk.images[position] for position in suspects)
            self._alone(suspects)
        if not self._attempts.suspects:
            self._attempts.suspects_are_done()
        if self._may_go_on() and (rest := self._attempts.rest):
            expect(self._chunk.images[position] for position in rest)
            self._together(rest)
        if self._may_go_on() and (appeals := self._attempts.appeals):
            self._checkpoints.save()  # these are likely to kill the process once more
            self._alone(appeals)

    def figures(self) -> dict[str, float | None]:
        """Where the time went, and images/s of those that ran together: None where none did, or it had to wait."""
        return {name: round(seconds, 3) for name, seconds in self._seconds.items()} | {"images_per_second": self._rate}

    def _may_go_on(self) -> bool:
        return not self._stop.is_set() or not self._worked

    def _alone(self, positions: Sequence[int]) -> None:
        if not positions:
            return
        board = self._attempts.board
        network = self._network(1, self._load())
        for position in positions:
            board.alone(position)
            with ImageReader([self._chunk.images[position]], threads=1, ahead=1, board=board) as reader:
                for rows in network.run(batches(reader.run(network.prepare), 1)):
                    self._checkpoints.add([position], rows)
            board.done(position)
            self._count(reader, network)
            self._progress.show(self._checkpoints.count)
            if self._stop.is_set():
                return

    def _together(self, positions: Sequence[int]) -> None:
        threads, batch_size = process.decoding_threads(), self._attempts.now.batch_size
        refs = [self._chunk.images[position] for position in positions]
        self._attempts.board.plan(positions)
        waited_before = waited()
        with ImageReader(refs, threads, max(_AHEAD, 4 * batch_size), self._attempts.board) as reader:
            network = reader.load(lambda: self._network(batch_size, self._load()))
            loaded = time.monotonic()
            head_start = reader.decode_seconds / threads  # what it would have taken after loading
            done = 0
            for rows in network.run(_until(self._stop, batches(reader.run(network.prepare), network.share))):
                self._checkpoints.add(positions[done : done + len(rows)], rows)
                done += len(rows)
                self._progress.show(self._checkpoints.count)
        self._count(reader, network)
        rate = done / (time.monotonic() - loaded + head_start)
        self._rate = round(rate, 3) if waited() == waited_before else None

    def _count(self, reader: ImageReader, network: BatchRunner) -> None:
        self._worked = True
        self._seconds["fetch_seconds"] += reader.fetch_seconds
        self._seconds["decode_seconds"] += reader.decode_seconds
        self._seconds["infer_seconds"] += network.seconds
        network.seconds = 0.0

    def _network(self, batch_size: int, detector: Detector) -> BatchRunner:
        started = time.monotonic()
        network = BatchRunner(detector, self._chunk.floor, batch_size, self._attempts.board)
        with usable(process.device()):
            network.warm_up()
        self._seconds["load_seconds"] += time.monotonic() - started
        return network

    def _load(self) -> Detector:
        started = time.monotonic()
        if self._detector is None:
            self._detector = through(_load, self._chunk)
        self._seconds["load_seconds"] += time.monotonic() - started
        return self._detector


def _load(chunk: Chunk) -> Detector:
    version, detector = load_detector(chunk.model_uri, chunk.floor)
    revision = kind_of(version.kind).revision
    if revision != chunk.revision:
        raise FirstpassError(
            f"chunk {chunk.index} was planned for revision {chunk.revision} of {version.kind}, here is {revision}",
            "run the same release of Firstpass in Airflow and in the pods; then clear plan_chunks and what follows it",
        )
    require_gpus(gpus_asked())
    return detector


def _until(stop: Event, batches: Iterable[T]) -> Iterator[T]:
    for batch in batches:
        yield batch
        if stop.is_set():
            return

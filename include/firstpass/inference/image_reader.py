"""Fetching and decoding beside the network, its loading included: bounded, and handed over in order."""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from firstpass.contracts.detector import PreparedInput, UnfitImage
from firstpass.contracts.image_reference import ImageRef
from firstpass.contracts.image_source import NEEDS_MEMORY, MissingImage, UnreadableImage
from firstpass.contracts.outcome import Outcome
from firstpass.images.brightness import brightness
from firstpass.images.decoding import decode, memory_needed, orientation
from firstpass.images.fetching import fetch
from firstpass.inference import process
from firstpass.inference.flight_board import FlightBoard
from firstpass.inference.memory_budget import MemoryBudget
from firstpass.inference.result_rows import ResultRow
from firstpass.settings import settings
from firstpass.waiting import through

FETCHERS = 16  # enough to keep a network of 50 ms per request busier than two cores can decode
BYTES_AHEAD = 512 * 2**20  # bytes of decoded images in flight, as far as known before, unless one alone is larger
_BYTES_A_STORED_BYTE = 8  # decoded bytes for each stored one, where the header was not read
_LARGE = 256 * 2**20  # bytes at the peak of decoding, after which what libraries keep is given back
_PREPARING = 4  # copies of a picture that a network may make of it: one, of floats, to resize from


@dataclass(frozen=True, slots=True)
class ImageTraits:
    """What an image is like: the hash of its bytes, its mean luma (0..255) and its EXIF orientation (1 to 8)."""

    sha256: str
    brightness: float
    orientation: int


@dataclass(frozen=True, slots=True)
class PreparedImage:
    """An image that the network can take, and what was seen of it: see `ImageTraits`."""

    ref: ImageRef
    traits: ImageTraits
    prepared: PreparedInput


T = TypeVar("T")
Prepare = Callable[[NDArray[np.uint8]], PreparedInput]
_Item = PreparedImage | ResultRow | Callable[[], PreparedImage | ResultRow]


class ImageReader:
    """Turns references into network input in threads; `load` the network with it first, then `run`.

    `threads` decode and prepare, one of them after it has loaded the network; what is not a local file is fetched by
    others. At most `ahead` images are in flight, and BYTES_AHEAD bytes of pixels, as decoded or as the network takes
    them. What decoding takes at its peak counts as well: the threads together keep to the setting max_image_memory, see
    `MemoryBudget`. `board` is told of each image. `decode_seconds` is the CPU time of the decoding threads,
    `fetch_seconds` adds up what reading took, in whichever thread, waiting for storage left out. Leaving it waits for
    the images that are being read.
    """

    def __init__(self, refs: Iterable[ImageRef], threads: int, ahead: int, board: FlightBoard | None = None) -> None:
        self._board = board
        self._refs = iter(refs)
        self._next = next(self._refs, None)
        self._ahead = ahead
        self._waiting: deque[tuple[int, int, Future[_Item]]] = deque()
        self._weight = self._largest = self._begun = 0
        self._memory = MemoryBudget(max(BYTES_AHEAD, settings().max_image_memory))
        self._prepare: Prepare | None = None
        self._fetchers = ThreadPoolExecutor(FETCHERS, "fetch")
        self._decoders = ThreadPoolExecutor(threads, "decode")
        self._catching_up = ThreadPoolExecutor(threads, "prepare")  # decoders may be waiting for room
        self._lock = Lock()
        self.fetch_seconds = 0.0
        self.decode_seconds = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._memory.close()
        for pool in (self._decoders, self._catching_up, self._fetchers):
            pool.shutdown(wait=True, cancel_futures=True)

    def load(self, load: Callable[[], T]) -> T:
        """What `load` gives, which one thread calls while the others begin to read and decode."""
        loading = self._decoders.submit(load)
        self._read_ahead()
        return loading.result()

    def run(self, prepare: Prepare) -> Iterator[PreparedImage | ResultRow]:
        """Every reference in order: ready for the network, or the row of one that cannot be had or read.

        What is no fault of an image (a network that stays away, a defect) is raised when its turn comes.
        """
        self._prepare = prepare
        self._read_ahead()
        self._waiting = deque(
            (turn, cost, self._catching_up.submit(_caught_up, item)) for turn, cost, item in self._waiting
        )
        while self._waiting:
            turn, cost, future = self._waiting.popleft()
            self._weight -= cost
            item = future.result()
            self._memory.end(turn)
            assert not callable(item)
            if isinstance(item, PreparedImage):  # a network's input may be larger than the picture was
                self._largest = max(self._largest, item.prepared.pixels.nbytes)
            self._read_ahead()
            yield item

    def _read_ahead(self) -> None:
        """Set as many images in flight as may be."""
        while (ref := self._next) is not None:
            cost = max(_decoded_bytes(ref), self._largest)
            if self._waiting and (len(self._waiting) >= self._ahead or self._weight + cost > BYTES_AHEAD):
                return
            if self._board:
                self._board.begun(ref)
            data = None if ref.uri.startswith("file://") else self._fetchers.submit(self._fetch, ref)
            self._waiting.append((self._begun, cost, self._decoders.submit(self._read, self._begun, ref, data)))
            self._weight += cost
            self._begun += 1
            self._next = next(self._refs, None)

    def _fetch(self, ref: ImageRef) -> bytes:
        return through(self._fetch_now, ref)

    def _fetch_now(self, ref: ImageRef) -> bytes:
        started = time.perf_counter()
        try:
            return fetch(ref)
        finally:
            with self._lock:
                self.fetch_seconds += time.perf_counter() - started

    def _read(self, turn: int, ref: ImageRef, fetched: Future[bytes] | None) -> _Item:
        """The image, decoded and prepared; before there is a network to prepare it for, what is left to do."""
        sha256 = None
        try:
            data = self._fetch(ref) if fetched is None else fetched.result()
            with self._decoding(ref):
                sha256 = hashlib.sha256(data).hexdigest()
                if self._board:
                    self._board.hashed(ref, sha256)
                peak = memory_needed(data)
                self._memory.take(turn, peak)
                pixels = decode(data)
                if peak > _LARGE:
                    process.trim()
                traits = ImageTraits(sha256, brightness(pixels), orientation(data))
            self._memory.keep(turn, pixels.nbytes)
        except MissingImage as error:
            row = ResultRow(ref, Outcome.MISSING, str(error))
        except (UnreadableImage, MemoryError) as error:
            row = _unreadable(ref, error, sha256)
        else:
            prepared = partial(self._prepared, turn, ref, traits, pixels)
            return prepared if self._prepare is None else prepared()
        self._memory.end(turn)
        return row

    def _prepared(
        self, turn: int, ref: ImageRef, traits: ImageTraits, pixels: NDArray[np.uint8]
    ) -> PreparedImage | ResultRow:
        assert self._prepare is not None
        try:
            with self._memory.beside(_PREPARING * pixels.nbytes), self._decoding(ref):
                item = PreparedImage(ref, traits, self._prepare(pixels))
        except (UnfitImage, MemoryError) as error:
            self._memory.end(turn)
            return _unreadable(ref, error, traits.sha256)
        self._memory.keep(turn, item.prepared.pixels.nbytes)
        return item

    @contextmanager
    def _decoding(self, ref: ImageRef) -> Iterator[None]:
        started = time.thread_time()
        if self._board:
            self._board.decoding(ref)
        yield
        if self._board:
            self._board.decoded(ref)
        with self._lock:
            self.decode_seconds += time.thread_time() - started


def _caught_up(future: Future[_Item]) -> _Item:
    """What was begun before there was a network, prepared. Its decoding began earlier: the wait is short."""
    item = future.result()
    return item() if callable(item) else item


def _unreadable(ref: ImageRef, error: Exception, sha256: str | None) -> ResultRow:
    reason = str(error)
    if isinstance(error, MemoryError):
        reason = f"{NEEDS_MEMORY}: {reason}" if reason else NEEDS_MEMORY
    return ResultRow(ref, Outcome.UNREADABLE, reason, sha256)


def _decoded_bytes(ref: ImageRef) -> int:
    return 3 * ref.width * ref.height if ref.width and ref.height else _BYTES_A_STORED_BYTE * ref.size

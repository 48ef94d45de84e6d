"""Fetching and decoding beside the network: a bounded number of images in flight, handed over in order."""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from firstpass.images.brightness import brightness
from firstpass.images.decode import UnreadableImage, decode
from firstpass.images.fetch import MissingImage, fetch
from firstpass.images.reference import ImageRef
from firstpass.inference.results import Row
from firstpass.inference.schema import Outcome
from firstpass.models.detectors.base import Prepared, UnfitImage

FETCHERS = 16  # enough to keep a network of 50 ms a request busier than two cores can decode
_PIXELS_AHEAD = 512 * 2**20  # bytes of decoded images in flight, at most, unless one alone is larger
_BYTES_A_STORED_BYTE = 8  # decoded bytes for each stored one, where the header was not read


@dataclass(frozen=True, slots=True)
class Ready:
    """An image that the network can take, with the hash of its bytes and its mean luma (0..255)."""

    ref: ImageRef
    sha256: str
    brightness: float
    prepared: Prepared


class Pipeline:
    """Turns references into network input in threads.

    `threads` decode and `prepare`; what is not a local file is fetched by others. At most `ahead` images are in flight,
    and _PIXELS_AHEAD bytes of pixels, as decoded or as the network takes them. `decode_seconds` is the CPU time of the
    decoding threads, `fetch_seconds` adds up what reading took, in whichever thread.
    """

    def __init__(self, prepare: Callable[[NDArray[np.uint8]], Prepared], threads: int, ahead: int) -> None:
        self._to_input = prepare
        self._threads = threads
        self._ahead = ahead
        self._lock = Lock()
        self.fetch_seconds = 0.0
        self.decode_seconds = 0.0

    def run(self, refs: Iterable[ImageRef]) -> Generator[Ready | Row, None, None]:
        """Every reference in order: ready for the network, or the row of one that cannot be had or read.

        What is no fault of an image (the network is down, a defect) is raised when its turn comes.
        """
        waiting: deque[tuple[int, Future[Ready | Row]]] = deque()
        weight = largest = 0
        with ExitStack() as stack:
            fetchers = ThreadPoolExecutor(FETCHERS, "fetch")
            decoders = ThreadPoolExecutor(self._threads, "decode")
            for pool in (fetchers, decoders):
                stack.callback(pool.shutdown, wait=True, cancel_futures=True)
            for ref in refs:
                cost = max(_decoded_bytes(ref), largest)
                while waiting and (len(waiting) >= self._ahead or weight + cost > _PIXELS_AHEAD):
                    held, future = waiting.popleft()
                    weight -= held
                    item = future.result()
                    if isinstance(item, Ready):  # a network's input may be larger than the picture was
                        largest = max(largest, item.prepared.pixels.nbytes)
                    yield item
                data = None if ref.uri.startswith("file://") else fetchers.submit(self._fetch, ref)
                waiting.append((cost, decoders.submit(self._prepare, ref, data)))
                weight += cost
            while waiting:
                yield waiting.popleft()[1].result()

    def _fetch(self, ref: ImageRef) -> bytes:
        started = time.perf_counter()
        try:
            return fetch(ref)
        finally:
            with self._lock:
                self.fetch_seconds += time.perf_counter() - started

    def _prepare(self, ref: ImageRef, fetched: Future[bytes] | None) -> Ready | Row:
        sha256 = None
        try:
            data = self._fetch(ref) if fetched is None else fetched.result()
            started = time.thread_time()
            sha256 = hashlib.sha256(data).hexdigest()
            pixels = decode(data)
            ready = Ready(ref, sha256, brightness(pixels), self._to_input(pixels))
            with self._lock:
                self.decode_seconds += time.thread_time() - started
            return ready
        except MissingImage as error:
            return Row(ref, Outcome.MISSING, str(error))
        except (UnreadableImage, UnfitImage, MemoryError) as error:
            return Row(ref, Outcome.UNREADABLE, str(error) or "needs more memory than there is", sha256)


def _decoded_bytes(ref: ImageRef) -> int:
    return 3 * ref.width * ref.height if ref.width and ref.height else _BYTES_A_STORED_BYTE * ref.size

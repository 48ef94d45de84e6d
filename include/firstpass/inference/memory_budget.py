"""Room for pictures: threads that decode side by side wait, so that together they take no more memory than allowed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from threading import Condition

_EARLY = 4  # a fourth of the limit is for images that get room ahead of one whose bytes are not here yet


class MemoryBudget:
    """About `limit` bytes for images that are handed over in the order of their turns, from 0 on.

    The first that has no room yet gets it when it fits, or when all that is held is for later ones: they are handed
    over after it, so it would wait for ever. That makes `limit` and a fourth at most; `beside` may add one picture.
    Each turn has to be taken or ended.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._changed = Condition()
        self._held: dict[int, int] = {}
        self._passed: set[int] = set()  # turns that were taken, or ended, ahead of an earlier one
        self._turn = 0  # the first that has no room yet
        self._beside = 0
        self._closed = False

    def take(self, turn: int, peak: int) -> None:
        """Wait until there is room for so many bytes. Raises CancelledError when closed."""

        def ready() -> bool:
            if turn > self._turn:
                return self._fits(peak, self._limit // _EARLY)
            return self._fits(peak, self._limit) or turn < min(self._held, default=turn + 1)

        with self._changed:
            self._wait(ready)
            self._held[turn] = peak
            self._pass(turn)

    def keep(self, turn: int, left: int) -> None:
        """The picture is decoded, or prepared: so many bytes are left of it."""
        with self._changed:
            self._held[turn] = left
            self._changed.notify_all()

    def end(self, turn: int) -> None:
        """It was handed over, or nothing came of it. Ending twice does no harm."""
        with self._changed:
            self._held.pop(turn, None)
            self._pass(turn)

    @contextmanager
    def beside(self, extra: int) -> Iterator[None]:
        """While it lasts, `extra` bytes are taken beside what is held. Waits for room, which one alone always has."""
        with self._changed:
            self._wait(lambda: not self._beside or self._fits(extra, self._limit))
            self._beside += extra
        try:
            yield
        finally:
            with self._changed:
                self._beside -= extra
                self._changed.notify_all()

    def close(self) -> None:
        """Nobody waits any longer."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _wait(self, ready: Callable[[], bool]) -> None:
        self._changed.wait_for(lambda: self._closed or ready())
        if self._closed:
            raise CancelledError

    def _fits(self, more: int, limit: int) -> bool:
        return sum(self._held.values()) + self._beside + more <= limit

    def _pass(self, turn: int) -> None:
        if turn >= self._turn:
            self._passed.add(turn)
        while self._turn in self._passed:
            self._passed.remove(self._turn)
            self._turn += 1
        self._changed.notify_all()

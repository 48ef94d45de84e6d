"""One step ahead: the next item is made in a thread while the caller is busy with this one."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")

_END = object()


def prefetched(items: Iterator[T]) -> Generator[T]:
    """The same items in the same order; at most one is waiting.

    What making an item raises is raised when its turn comes. Closed early, it waits until the thread is done.
    """
    with ThreadPoolExecutor(1, "prefetch") as pool:
        coming: Future[Any] = pool.submit(next, items, _END)
        while (item := coming.result()) is not _END:
            coming = pool.submit(next, items, _END)
            yield item

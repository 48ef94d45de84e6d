"""One step ahead: the same items in the same order, made in a thread, and never more than one of them waiting."""

from __future__ import annotations

import threading
import time

import pytest

from firstpass.prefetch import prefetched


class Making:
    """Makes numbers, and tells which were begun."""

    def __init__(self, count: int, fails_at: int = -1) -> None:
        self.begun: list[int] = []
        self.threads: set[str] = set()
        self.more = threading.Semaphore(0)
        self.count, self.fails_at = count, fails_at

    def __iter__(self):
        for number in range(self.count):
            self.begun.append(number)
            self.threads.add(threading.current_thread().name)
            self.more.release()
            if number == self.fails_at:
                raise ValueError(f"number {number}")
            yield number


def names() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("prefetch")]


@pytest.mark.parametrize("items", [[], [1], [None, 0, "", [], None], list(range(50))])
def test_the_same_items_come_in_the_same_order(items):
    assert list(prefetched(iter(items))) == items
    assert names() == []


def test_the_next_item_is_made_while_the_caller_is_busy_and_none_after_it():
    making = Making(5)
    items = prefetched(iter(making))
    assert next(items) == 0
    for _ in range(2):
        assert making.more.acquire(timeout=10)
    time.sleep(0.02)
    assert making.begun == [0, 1]
    assert list(items) == [1, 2, 3, 4]
    assert threading.current_thread().name not in making.threads
    assert len(making.threads) == 1


def test_nothing_is_made_before_the_first_is_asked_for():
    making = Making(5)
    prefetched(iter(making))
    assert making.begun == []


def test_what_making_an_item_raises_is_raised_when_its_turn_comes():
    items = prefetched(iter(Making(5, fails_at=2)))
    assert [next(items), next(items)] == [0, 1]
    with pytest.raises(ValueError, match="number 2"):
        next(items)
    assert names() == []


def test_closed_early_it_waits_for_the_item_at_hand():
    made = []

    def slowly():
        yield 0
        time.sleep(0.05)
        made.append(1)
        yield 1

    items = prefetched(slowly())
    next(items)
    items.close()
    assert made == [1]
    assert names() == []

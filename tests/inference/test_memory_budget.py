"""Room for pictures: nobody waits for ever, and together they keep to the limit."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor

import pytest

from firstpass.inference.memory_budget import MemoryBudget


@pytest.fixture
def begin():
    """Call in a thread of its own. What waits is waited for when the test ends."""
    with ThreadPoolExecutor(8) as pool:
        yield pool.submit


def waits(future: Future) -> bool:
    time.sleep(0.02)
    return not future.done()


def test_what_fits_goes_at_once_and_what_does_not_waits_for_room(begin):
    budget = MemoryBudget(100)
    budget.take(0, 60)
    second = begin(budget.take, 1, 60)
    assert waits(second)
    budget.keep(0, 40)
    second.result(timeout=5)
    third = begin(budget.take, 2, 10)
    assert waits(third)
    budget.end(0)
    third.result(timeout=5)


def test_one_alone_may_take_more(begin):
    budget = MemoryBudget(100)
    budget.take(0, 1000)
    second = begin(budget.take, 1, 1)
    assert waits(second)
    budget.end(0)
    second.result(timeout=5)


def test_later_ones_get_a_fourth_and_never_keep_an_earlier_one_waiting(begin):
    budget = MemoryBudget(100)
    budget.take(1, 25)
    third = begin(budget.take, 2, 1)
    assert waits(third)
    budget.take(0, 100)  # only what is handed over after it is held
    budget.end(0)
    third.result(timeout=5)


def test_a_turn_that_came_to_nothing_is_passed_over(begin):
    budget = MemoryBudget(100)
    second = begin(budget.take, 1, 90)
    assert waits(second)
    budget.end(0)
    budget.end(0)
    second.result(timeout=5)
    budget.end(2)
    budget.end(1)
    budget.take(3, 100)


def test_what_is_prepared_counts_beside_what_is_held(begin):
    budget = MemoryBudget(100)
    budget.take(0, 50)
    with budget.beside(200):  # one alone always may
        other, second = begin(entered, budget, 10), begin(budget.take, 1, 10)
        assert waits(other)
        assert waits(second)
    other.result(timeout=5)
    second.result(timeout=5)


def entered(budget: MemoryBudget, extra: int) -> None:
    with budget.beside(extra):
        pass


def test_closing_wakes_whoever_waits(begin):
    budget = MemoryBudget(100)
    budget.take(0, 100)
    waiting = begin(budget.take, 1, 100)
    assert waits(waiting)
    budget.close()
    with pytest.raises(CancelledError):
        waiting.result(timeout=5)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_everybody_comes_through_and_the_limit_holds(threads):
    """Handed over in order, whatever their sizes; what is taken is counted outside."""
    dice, budget, lock = random.Random(threads), MemoryBudget(100), threading.Lock()
    sizes = [dice.choice([1, 5, 30, 100]) for _ in range(200)]
    taken: dict[int, int] = {}
    most = 0

    def changed(turn: int, to: int, then: Callable[[], None]) -> None:
        nonlocal most
        with lock:
            taken[turn] = to
            most = max(most, sum(taken.values()))
        then()

    def read(turn: int) -> None:
        budget.take(turn, sizes[turn])
        changed(turn, sizes[turn], lambda: None)
        changed(turn, sizes[turn] // 2, lambda: budget.keep(turn, sizes[turn] // 2))

    with ThreadPoolExecutor(threads) as pool:
        for turn, reading in enumerate([pool.submit(read, turn) for turn in range(len(sizes))]):
            reading.result(timeout=20)
            changed(turn, 0, lambda turn=turn: budget.end(turn))
    assert most <= 125

"""What is away is waited for with growing pauses, for as long as the setting says, and the log says so."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Iterator
from threading import Barrier, Event, Thread
from typing import Any

import pytest

from firstpass import waiting
from firstpass.errors import FirstpassError, Unavailable, WaitedInVain
from firstpass.settings import settings
from firstpass.waiting import Waiter, goes_on, patiently, through, waits_in_place


class Clock(Event):
    """Time that passes only while somebody waits; `pauses` are all waits, in seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.now, self.pauses = 1000.0, []

    def wait(self, timeout: float | None = None) -> bool:
        self.pauses.append(timeout)
        self.now += timeout or 0
        return self.is_set()


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[float], None]]:
    """`patience(5)`: the setting, in minutes."""

    def use(minutes: float) -> None:
        monkeypatch.setenv("FIRSTPASS_WAIT_MINUTES", str(minutes))
        settings.cache_clear()

    yield use
    monkeypatch.undo()
    settings.cache_clear()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", lambda: clock.now)
    return clock


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(waiting, "LONGEST_PAUSE", 0.001)


def failing(*errors: Exception) -> Callable[[], str]:
    """A function that raises these, one a call, and gives `done` afterwards."""
    coming = list(errors)

    def call() -> str:
        if coming:
            raise coming.pop(0)
        return "done"

    return call


AWAY = Unavailable("the store is away", "bring it back")


def test_it_is_called_again_until_it_comes_through(clock, caplog):
    full = OSError(errno.ENOSPC, "No space left on device", "/storage/x")
    assert Waiter(clock)(failing(AWAY, full, AWAY)) == "done"
    assert len(clock.pauses) == 3
    assert "the store is away. What to do: bring it back" in caplog.text
    assert "/storage/x: the disk is full" in caplog.text
    assert "Waiting since" in caplog.text
    assert "until" in caplog.text
    assert "It is back after" in caplog.text


def test_pauses_grow_up_to_two_minutes_and_are_not_all_alike(clock):
    Waiter(clock)(failing(*[AWAY] * 15))
    for pause, full in zip(clock.pauses, [2, 4, 8, 16, 32, 64] + [120] * 9, strict=True):
        assert 0.75 * full <= pause <= full
    assert len({round(pause, 3) for pause in clock.pauses[6:]}) > 1


def test_after_an_hour_it_was_in_vain(clock):
    with pytest.raises(WaitedInVain, match="the store is away \\(waited for") as caught:
        Waiter(clock)(failing(*[AWAY] * 1000))
    assert sum(clock.pauses) == pytest.approx(3600, abs=0.001)
    assert len(clock.pauses) < 60
    assert caught.value.fix == "bring it back"
    assert caught.value.__cause__ is AWAY


def test_how_long_is_a_setting(clock, patience):
    patience(5)
    with pytest.raises(WaitedInVain):
        Waiter(clock)(failing(*[AWAY] * 100))
    assert sum(clock.pauses) == pytest.approx(300, abs=0.001)


def test_what_was_there_for_long_has_the_whole_time_again(clock):
    waiter, lasted = Waiter(clock), iter([False] * 3 + [True] + [False] * 100)

    def fails():
        if next(lasted):
            clock.pauses.append("it was there")
            waiter.begin_anew()
        raise AWAY

    with pytest.raises(WaitedInVain):
        waiter(fails)
    there = clock.pauses.index("it was there")
    assert sum(clock.pauses[there + 1 :]) == pytest.approx(3600, abs=1)
    assert clock.pauses[there + 1] <= 2


def test_without_patience_nothing_is_waited_for(clock, patience):
    patience(0)
    with pytest.raises(Unavailable) as caught:
        Waiter(clock)(failing(AWAY))
    assert not isinstance(caught.value, WaitedInVain)
    assert clock.pauses == []


@pytest.mark.parametrize(
    "error",
    [FirstpassError("no such model", "x"), RuntimeError("exit code 137"), WaitedInVain("away", "x"), KeyError("x")],
    ids=repr,
)
def test_what_fails_differently_is_raised_at_once_as_it_is(clock, error):
    with pytest.raises(type(error)) as caught:
        Waiter(clock)(failing(AWAY, error))
    assert caught.value is error
    assert len(clock.pauses) == 1


def test_each_outage_has_the_whole_time(clock):
    waiter = Waiter(clock)
    for _ in range(3):
        waiter(failing(*[AWAY] * 20))
    assert sum(clock.pauses) > 3600


def test_whoever_is_stopped_waits_no_longer():
    stop = Event()
    waiter = Waiter(stop)
    thread = Thread(target=lambda: (time.sleep(0.05), stop.set()))
    thread.start()
    with pytest.raises(Unavailable, match="away"):
        waiter(failing(*[AWAY] * 1000))
    thread.join()


def test_a_function_can_tell_whether_its_failure_is_the_end(clock, patience):
    patience(1)
    told = []

    def call() -> None:
        told.append((goes_on(AWAY), goes_on(OSError(errno.ESTALE, "stale")), goes_on(KeyError()),
                     goes_on(WaitedInVain("x", "y"))))  # fmt: skip
        raise AWAY

    with pytest.raises(WaitedInVain):
        Waiter(clock)(call)
    assert told == [(True, True, False, False)] * (len(told) - 1) + [(False, False, False, False)]
    assert len(told) > 3
    assert not goes_on(AWAY)  # nobody waits out here


def test_arguments_are_passed_on(quick):
    def add(a: int, *, b: int) -> int:
        return flaky() and a + b

    flaky: Any = failing(AWAY)
    assert patiently(add, 1, b=2) == 3


def test_time_that_many_threads_wait_at_once_counts_once(clock):
    waiter, both = Waiter(), Barrier(2)

    class Meeting(Event):
        """Both wait from 1000 to 1060."""

        def wait(self, timeout: float | None = None) -> bool:
            both.wait(10)
            clock.now = 1060.0
            both.wait(10)
            return False

    waiter = Waiter(Meeting())
    threads = [Thread(target=waiter, args=[failing(AWAY)]) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert waiter.seconds == pytest.approx(60)
    assert Waiter().seconds == 0


def test_a_process_that_said_so_waits_in_the_midst_of_its_work(quick):
    @waits_in_place
    def read(name: str) -> str:
        return name + flaky()

    flaky = failing(AWAY)
    with pytest.raises(Unavailable):
        read("x")
    flaky = failing(AWAY, AWAY)
    waiting.wait_in_place(Waiter())
    try:
        assert read("x") == "xdone"
        assert through(failing(AWAY)) == "done"
        assert waiting.waited() > 0
    finally:
        waiting.wait_in_place(None)
    assert waiting.waited() == 0
    with pytest.raises(Unavailable):
        through(failing(AWAY))

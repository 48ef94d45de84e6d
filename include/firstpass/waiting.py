"""Waiting for what is away or full: growing pauses, for as long as FIRSTPASS_WAIT_MINUTES says, with word in the log.

An Airflow task passes through `patiently`, which calls all of it again: every task's function may be called again. A
process that runs a chunk waits in the midst of its work instead, at each call that `through` passes on, because what it
has in memory is worth keeping: it says so once, with `wait_in_place`.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from functools import wraps
from threading import Event, Lock
from typing import ParamSpec, TypeVar

from firstpass.errors import Unavailable, WaitedInVain
from firstpass.outages import outage
from firstpass.refusals import missing_right
from firstpass.settings import settings

log = logging.getLogger("firstpass")

FIRST_PAUSE = 2.0  # seconds; doubled each time
LONGEST_PAUSE = 120.0

T = TypeVar("T")
P = ParamSpec("P")

# Whether an outage now would be waited for; None where no waiter called.
_again: ContextVar[bool | None] = ContextVar("again", default=None)


class Waiter:
    """Calls functions again while what they need is away. Threads may share it.

    stop: when it is set, nothing is waited for any more. `seconds`: how long at least one call has waited so far.
    """

    def __init__(self, stop: Event | None = None) -> None:
        self._stop = stop or Event()
        self._lock = Lock()
        self._waiting, self._waited, self._since = 0, 0.0, 0.0
        self._anew = False

    @property
    def seconds(self) -> float:
        """The time that passed waiting; what threads wait at the same time counts once."""
        with self._lock:
            return self._waited + (time.monotonic() - self._since if self._waiting else 0.0)

    def begin_anew(self) -> None:
        """What was waited for was there, and for long: all patience is left for what the function raises now."""
        self._anew = True

    def __call__(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What the function gives, however often it has to be called.

        Raises WaitedInVain when what it needs stays away, and at once whatever else the function raises; a right that
        the warehouse's user lacks as FirstpassError.
        """
        patience = timedelta(minutes=settings().wait_minutes)
        began, ends = None, time.monotonic() + patience.total_seconds()
        pause = FIRST_PAUSE
        while True:
            again = not self._stop.is_set() and (time.monotonic() < ends if began else bool(patience))
            token = _again.set(again)
            try:
                result = function(*args, **kwargs)
            except Exception as error:
                away = outage(error)
                if away is None or isinstance(away, WaitedInVain):
                    if denied := missing_right(error):
                        raise denied from error
                    raise
                if self._anew and not self._stop.is_set():
                    self._anew, began, pause, again = False, None, FIRST_PAUSE, bool(patience)
                if not again:
                    raise (_in_vain(away, began) if began else away) from error
                if began is None:
                    began, ends = datetime.now(UTC), time.monotonic() + patience.total_seconds()
                _tell(away, began, patience)
            else:
                if began:
                    log.warning("It is back after %s", _minutes(datetime.now(UTC) - began))
                return result
            finally:
                _again.reset(token)
            pause_now = pause * random.uniform(0.75, 1)  # noqa: S311 - many that wait spread out
            self._sleep(max(0.0, min(pause_now, ends - time.monotonic())))
            pause = min(2 * pause, LONGEST_PAUSE)

    def _sleep(self, seconds: float) -> None:
        with self._lock:
            if not self._waiting:
                self._since = time.monotonic()
            self._waiting += 1
        try:
            self._stop.wait(seconds)
        finally:
            with self._lock:
                self._waiting -= 1
                if not self._waiting:
                    self._waited += time.monotonic() - self._since


def patiently(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a task's function, and all of it again while what it needs is away: see `Waiter`."""
    return Waiter()(function, *args, **kwargs)


def goes_on(error: BaseException) -> bool:
    """Whether this error, raised now, does not end the task: it waits, and calls its function again."""
    return bool(_again.get()) and outage(error) is not None and not isinstance(error, WaitedInVain)


_in_place: Waiter | None = None


def wait_in_place(waiter: Waiter | None) -> None:
    """From now on this process waits wherever `through` is used; None: nowhere again."""
    global _in_place
    _in_place = waiter


def through(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function that may simply be called again, through the process's waiter if there is one.

    Within such a call, another one is an ordinary one: the outer one waits.
    """
    if _in_place is None or _again.get() is not None:
        return function(*args, **kwargs)
    return _in_place(function, *args, **kwargs)


def waits_in_place(function: Callable[P, T]) -> Callable[P, T]:
    """Make every call of a function one `through`."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        return through(function, *args, **kwargs)

    return call


def waited() -> float:
    """Seconds that this process has waited in place so far."""
    return 0.0 if _in_place is None else _in_place.seconds


def _tell(away: Unavailable, began: datetime, patience: timedelta) -> None:
    log.warning(
        "Waiting since %s, until %s at the latest: %s. What to do: %s",
        began.strftime("%H:%M:%S"),
        (began + patience).strftime("%H:%M:%S UTC"),
        away.problem,
        away.fix,
    )


def _in_vain(away: Unavailable, began: datetime) -> WaitedInVain:
    since, waited = began.strftime("%H:%M:%S UTC"), _minutes(datetime.now(UTC) - began)
    return WaitedInVain(f"{away.problem} (waited for {waited}, since {since})", away.fix)


def _minutes(time: timedelta) -> str:
    minutes, seconds = divmod(round(time.total_seconds()), 60)
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"

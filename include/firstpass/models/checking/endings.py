"""How a check ended that gave no answer, in a sentence: the model's fault, which refuses it, or the machine's."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import Literal

from firstpass.errors import FirstpassError, Unavailable

_FROM_OUTSIDE = {signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT}
_STARVED = 0.1  # with less than this share of one core's time, it was the machine that did not get anywhere
_AGAIN = "then check it again: `firstpass models sync --again`"


@dataclass(frozen=True, slots=True)
class Limits:
    """seconds: of a whole check. memory: bytes."""

    seconds: float
    memory: int


@dataclass(frozen=True, slots=True)
class Ending:
    """What is known of a process that ended, or was ended, before it answered.

    work: what it was asked for. cause: the limit that it broke, or its own end. status: exit code, negative for a
    signal. cpu: seconds of processor time. memory: most bytes that it was seen to use. room: fewest bytes that it
    could have had in all, while it ran. said: the end of what it wrote to standard error.
    """

    work: Literal["inspect", "probe"]
    cause: Literal["time", "memory", "end"]
    status: int
    cpu: float
    memory: int
    room: float
    said: str
    limits: Limits


def explained(ending: Ending) -> FirstpassError:
    """The error to raise: `Unavailable` where another try may go differently, else a reason to refuse the model."""
    status, limits = ending.status, ending.limits
    if ending.cause == "time" or status == -signal.SIGXCPU:
        return _too_slow(ending)
    if ending.cause == "memory" or (status == -signal.SIGABRT and "bad_alloc" in ending.said):
        return _too_large(ending)
    if status < 0 and -status in _FROM_OUTSIDE:
        return Unavailable(
            f"the check of the model was ended from outside, by {_name(status)}, when it used "
            f"{_amount(ending.memory)} of {_amount(limits.memory)}",
            "nothing: it is tried again. If that repeats, the machine has too little memory: free some, or lower "
            "FIRSTPASS_ADMISSION_MEMORY to what it can spare",
        )
    if status < 0:
        doing = "read its weights" if ending.work == "inspect" else "ran the network on one photo"
        return FirstpassError(
            f"the process that {doing} ended with {_name(status)}",
            "export or save the model again, from a source that you trust: this file makes its reader crash",
        )
    return Unavailable(
        f"the process that checks models ended with exit code {status} and no answer: {_last_line(ending.said)}",
        "see that `firstpass models check` works on a model that was admitted before; then sync again",
    )


def _too_slow(ending: Ending) -> FirstpassError:
    within = f"within {_duration(ending.limits.seconds)}"
    if ending.cause == "time" and ending.cpu < _STARVED * ending.limits.seconds:
        return Unavailable(
            f"the check of the model was not done {within}, but the machine gave it only {ending.cpu:.1f} s of "
            "processor time",
            "nothing: it is tried again. If that repeats, find out what keeps the machine or its disk busy",
        )
    return FirstpassError(
        f"its weights were not read {within}"
        if ending.work == "inspect"
        else f"the network did not finish one photo {within}",
        f"export the model again; if it is meant to take so long, raise FIRSTPASS_ADMISSION_MINUTES, {_AGAIN}",
    )


def _too_large(ending: Ending) -> FirstpassError:
    limit = _amount(ending.limits.memory)
    if ending.memory <= ending.limits.memory and ending.room < ending.limits.memory:  # a request was turned down
        return Unavailable(
            f"the check of the model got no more memory: it could have had {_amount(ending.room)}, it may take {limit}",
            "free memory on this machine, or lower FIRSTPASS_ADMISSION_MEMORY to what it can spare",
        )
    return FirstpassError(
        f"reading its weights needed more than {limit} of memory"
        if ending.work == "inspect"
        else f"the network needed more than {limit} of memory for one photo",
        f"export the model again; if it is meant to be so large, raise FIRSTPASS_ADMISSION_MEMORY, {_AGAIN}",
    )


def _name(status: int) -> str:
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"


def _amount(size: float) -> str:
    return f"{size / 2**30:.3g} GiB"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.3g} s"
    return "1 minute" if seconds == 60 else f"{seconds / 60:.3g} minutes"


def _last_line(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it said nothing"

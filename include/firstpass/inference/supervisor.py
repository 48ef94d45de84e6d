"""Watches over the process that runs a chunk, and starts another one when it is killed."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from threading import Event
from typing import NoReturn

from firstpass.child_process import bind_to
from firstpass.inference.death import Death, Supervision, died_idle
from firstpass.inference.memory_limit import memory_limit, resident

log = logging.getLogger("firstpass")

STOPPED = 128 + signal.SIGTERM
"""The exit code of a chunk that was asked to stop."""

Run = Callable[[Event, Supervision], NoReturn]
"""Runs the chunk and exits. Gets what SIGTERM sets, and what it shares with the process before it."""

_PAUSE = 0.05  # between two looks: what a process takes in it may exceed the limit
_STILLBORN = 3  # processes in a row that die before they have looked at the chunk


def supervise(run: Run) -> int:
    """Call `run` in a child of this process until one exits in order; returns its exit code.

    A child that holds more memory than `memory_limit` is killed; one that was killed, by whomever, is replaced, and the
    next one is told of its death: it sees to it that this comes to an end, see `attempts`. Raises FirstpassError or
    RuntimeError when none comes as far as that. SIGTERM is passed on. When this process is killed, its child is killed
    with it; what it has finished is in its checkpoints. The child is what the kernel takes first when memory runs out.
    This process imports neither TensorFlow nor OpenCV, and must have no threads when it calls this.
    """
    stop = Event()
    child = 0

    def pass_on(*_: object) -> None:
        stop.set()
        if child:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGTERM)

    signal.signal(signal.SIGTERM, pass_on)
    parent, shared, stillborn = os.getpid(), Supervision(), 0
    while True:
        shared.judged = False
        child = os.fork()
        if not child:
            bind_to(parent)
            run(stop, shared)
        if stop.is_set():  # it came while there was no child to pass it on to
            pass_on()
        status, shared.death = _watch(child)
        child = 0
        if os.WIFEXITED(status):
            return os.waitstatus_to_exitcode(status)
        if stop.is_set():
            return STOPPED
        log.warning("the process that ran the chunk was killed: %s", shared.death)
        stillborn = 0 if shared.judged else stillborn + 1
        if stillborn == _STILLBORN:
            raise died_idle(stillborn, shared.death)


def _watch(child: int) -> tuple[int, Death]:
    """Until the child ends: its status, and its death, should it be one."""
    limit, over_limit, memory = memory_limit(), False, None
    while True:
        pid, status, usage = os.wait4(child, os.WNOHANG)
        if pid:
            number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
            return status, Death(number, memory, usage.ru_maxrss * 1024, limit, over_limit)
        now = resident(child)
        if now:  # 0 once it is dying
            memory = now
            if now > limit and not over_limit:
                over_limit = True
                os.kill(child, signal.SIGKILL)
        time.sleep(_PAUSE)

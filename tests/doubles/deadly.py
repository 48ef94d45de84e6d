"""A detector that some pictures kill: those that are 13 pixels wide, in the way that their height says."""

from __future__ import annotations

import ctypes
import os
import signal
import time

from doubles.painted import Painted

SIGKILL, SEGFAULT, GROUP, HOG, STUCK = 1, 2, 3, 4, 5
"""Heights: kill -9, a crash, kill -9 of the process and all around it, memory without end, native code without end."""


class Deadly(Painted):
    """`where`: prepare, in a thread that decodes, or predict."""

    def __init__(self, where: str = "predict", seconds: float = 0.0) -> None:
        super().__init__(seconds)
        self.where = where

    def prepare(self, image):
        if self.where == "prepare":
            die(image)
        return super().prepare(image)

    def predict(self, batch):
        if self.where == "predict":
            for item in batch:
                die(item.pixels)
        return super().predict(batch)


def die(image) -> None:
    height, width = image.shape[:2]
    if width != 13:
        return
    if height == SIGKILL:
        os.kill(os.getpid(), signal.SIGKILL)
    if height == SEGFAULT:
        ctypes.string_at(0)
    if height == GROUP:
        os.killpg(0, signal.SIGKILL)
    if height == STUCK:
        os.write(1, b"stuck\n")
        ctypes.PyDLL(None).sleep(1000)  # holds the interpreter's lock: no Python code sees a signal
    held = []
    while True:
        held.append(b"x" * 2**24)
        time.sleep(0.005)

"""The CVAT double in a process of its own, so that a benchmark's other processes are measured without it."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))


class Remote:
    """Calls a function of this module's users in the server's process: `remote(function, *arguments)`."""

    def __init__(self, pipe: Any) -> None:
        self._pipe = pipe

    def __call__(self, function: Any, *arguments: Any) -> Any:
        """`function(double, *arguments)` over there."""
        self._pipe.send((function, arguments))
        return self._pipe.recv()


@contextmanager
def running(validate: bool = True) -> Iterator[tuple[str, Remote]]:
    """A double, as the JSON of a connection to it and a way to call into it."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there, validate), daemon=True)
    process.start()
    yield here.recv(), Remote(here)
    process.kill()
    process.join()


def _serve(pipe: Any, validate: bool) -> None:
    from doubles.cvat import CvatDouble

    with CvatDouble(validate=validate) as double:
        pipe.send(double.connection())
        while True:
            function, arguments = pipe.recv()
            pipe.send(function(double, *arguments))


def requests(double: Any) -> int:
    """How many requests arrived so far."""
    return int(double.requests.total())

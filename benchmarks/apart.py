"""A process of its own for each side of a benchmark: imports, threads and memory do not carry over."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any


def process() -> ProcessPoolExecutor:
    """One fresh process, which lives until the pool is left."""
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"))


def apart(function: Any, *arguments: Any) -> Any:
    """Call it in a fresh process."""
    with process() as pool:
        return pool.submit(function, *arguments).result()

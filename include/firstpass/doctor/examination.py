"""Runs examinations side by side, each with a time limit: one that hangs or raises costs no other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from firstpass import findings
from firstpass.errors import FirstpassError
from firstpass.findings import Finding

Look = Callable[[], Finding | Iterable[Finding]]
Explain = Callable[[BaseException], FirstpassError | None]


@dataclass(frozen=True, slots=True)
class Examination:
    """item: what it is about, for the words where it fails. look: gives the findings. seconds: its time limit."""

    item: str
    look: Look
    seconds: float


def examine(examinations: Sequence[Examination], explain: Explain = lambda _: None) -> list[Finding]:
    """What they found, in their order. Raises nothing.

    explain: an error in words for people, None for a defect. An examination that is not done in time is a problem; its
    thread is left alone and ends with the process.
    """
    found: list[list[Finding] | None] = [None] * len(examinations)

    def work(index: int) -> None:
        found[index] = _look(examinations[index], explain)

    started = time.monotonic()
    threads = [threading.Thread(target=work, args=(n,), daemon=True) for n in range(len(examinations))]
    for thread in threads:
        thread.start()
    for examination, thread in zip(examinations, threads, strict=True):
        thread.join(max(0.0, started + examination.seconds - time.monotonic()))
    return [
        finding
        for examination, own in zip(examinations, found, strict=True)
        for finding in (own if own is not None else [_late(examination)])
    ]


def _look(examination: Examination, explain: Explain) -> list[Finding]:
    try:
        seen = examination.look()
        return [seen] if isinstance(seen, Finding) else list(seen)
    except BaseException as error:  # a thread's SystemExit would be nobody's
        known = error if isinstance(error, FirstpassError) else explain(error)
        if known is not None:
            return [findings.problem(examination.item, known.problem, known.fix)]
        words = f"it could not be looked at: {type(error).__name__}: {error}"
        return [findings.problem(examination.item, words, "it is a defect of Firstpass: report it")]


def _late(examination: Examination) -> Finding:
    words = f"no answer within {examination.seconds:.0f} seconds"
    return findings.problem(examination.item, words, "see whether the server, the network or the mount hangs")

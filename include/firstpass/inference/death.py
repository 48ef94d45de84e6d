"""How a process that ran images died, as far as anybody saw it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from mmap import mmap
from signal import Signals

from firstpass.errors import FirstpassError


@dataclass(frozen=True, slots=True)
class Death:
    """The death of the process that ran a chunk, in bytes where it is about memory.

    signal: None where nobody was left to see it, as when a whole container goes. memory: resident shortly before; peak:
    the most that it ever was. limit: what it was allowed. over_limit: Firstpass ended it for its memory. sha256: of the
    image that ran alone at the time, where its bytes had been read.
    """

    signal: int | None = None
    memory: int | None = None
    peak: int | None = None
    limit: int | None = None
    over_limit: bool = False
    sha256: str | None = None

    def __str__(self) -> str:
        """Signal and memory: half a sentence."""
        if self.signal is None:
            return "everything around it was killed as well: the container was out of memory, or its node was lost"
        name = Signals(self.signal).name if self.signal in set(Signals) else f"signal {self.signal}"
        how = f"{name} by Firstpass" if self.over_limit else name
        at = f" at {in_words(self.memory)} of resident memory" if self.memory is not None else ""
        return how + at + (f", limit {in_words(self.limit)}" if self.limit is not None else "")


@dataclass(slots=True)
class Supervision:
    """What a supervisor shares with the processes that run a chunk, one after the other.

    death: of the last one, None for the first. scratch: a file in memory, for the board of what is in flight. judged:
    whether the process came as far as to make something of the last death.
    """

    death: Death | None = None
    scratch: int = field(default_factory=lambda: os.memfd_create("firstpass-in-flight"))
    _shared: mmap = field(default_factory=lambda: mmap(-1, 1))

    @property
    def judged(self) -> bool:
        """Of the process that was started last."""
        return self._shared[0] == 1

    @judged.setter
    def judged(self, value: bool) -> None:
        self._shared[0] = int(value)


def in_words(size: int) -> str:
    """Bytes for people: 812 MiB, 3.1 GiB."""
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.0f} MiB"


def died_idle(times: int, death: Death) -> Exception:
    """What to raise when the process died so often with no image in flight: another try is worth it, or a person is."""
    if death.over_limit:
        return FirstpassError(
            f"a chunk's process needs more memory than it may have, before it has read an image: {death}",
            "raise FIRSTPASS_MEMORY (in a cluster: FIRSTPASS_KUBERNETES_MEMORY), or lower FIRSTPASS_WORKERS",
        )
    return RuntimeError(f"the process was killed {times} times with no image in flight: {death}")

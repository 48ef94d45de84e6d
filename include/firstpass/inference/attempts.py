"""Attempts at a chunk: what each leaves word of, and what the next one makes of an attempt that was killed.

An image that kills the process costs itself, not its chunk. What was in flight when a process died runs again, each
image alone; what kills the process there is to blame, and is tried once more, at the very end. When none of them does,
it was what they took together: the rest goes on in smaller batches, and the next death puts more images under
suspicion. See docs/decisions/0017.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from typing import Any

from firstpass import storage
from firstpass.contracts.chunk_manifest import Chunk
from firstpass.errors import FirstpassError
from firstpass.inference.checkpoints import Checkpoints
from firstpass.inference.death import Death, Supervision, died_idle
from firstpass.inference.flight_board import Flight, FlightBoard
from firstpass.waiting import through, waited

log = logging.getLogger("firstpass")

TRIES = 4
"""How often Airflow tries a chunk. Each one that goes down with everything around it uses one up."""

MOST_KILLERS = 20
"""More images than this that kill the process are the machine's fault, or the limit's."""

_MOST_IDLE = 2  # deaths, in one try, with no image in flight: loading the network, say


@dataclass(slots=True)
class Attempt:
    """One attempt: its number, from 1, and the images of a network call. killed: it did not come to an end.

    cleared: deaths whose suspects all ran to their end, each alone. unseen: deaths that took everything around them
    with them. idle: deaths of this attempt with nothing in flight. open: the suspects of the last death have not all
    run yet, and none of them was to blame so far. deaths: of each image to blame, by its position in the manifest.
    """

    number: int
    batch_size: int
    killed: bool = True
    cleared: int = 0
    unseen: int = 0
    idle: int = 0
    open: bool = False
    deaths: dict[int, list[Death]] = field(default_factory=dict)

    def killers(self) -> dict[int, list[Death]]:
        """Those of `deaths` that are settled: they died alone twice, or no try is left for the second time."""
        return {position: died for position, died in self.deaths.items() if not self._appeals(died)}

    def _appeals(self, died: list[Death]) -> bool:
        return len(died) == 1 and (died[0].signal is not None or self.number < TRIES)


class Attempts:
    """This attempt at a chunk, and the board that says what is in flight. `suspects`, `rest` and `appeals` are what is
    left to do, in this order, as positions in the manifest."""

    def __init__(self, chunk: Chunk, now: Attempt, board: FlightBoard, checkpoints: Checkpoints) -> None:
        self.now = now
        self.board = board
        self._chunk = chunk
        self._checkpoints = checkpoints

    @property
    def suspects(self) -> list[int]:
        """They run alone, before all others."""
        states = self.board.states()
        return [p for p in self._left() if states[p] is Flight.SUSPECT]

    @property
    def rest(self) -> list[int]:
        """They run together."""
        states = self.board.states()
        return [p for p in self._left() if states[p] is not Flight.SUSPECT]

    @property
    def appeals(self) -> list[int]:
        """They killed the process once and run alone once more, when all else is done."""
        settled = self.now.killers()
        return [p for p in self.now.deaths if p not in settled and p not in self._checkpoints]

    def _left(self) -> list[int]:
        return [p for p in self._checkpoints.missing() if p not in self.now.deaths]

    def suspects_are_done(self) -> None:
        """None is left. If none was to blame, it was the batch."""
        if self.now.open:
            self.now.open = False
            self.now.cleared += 1
            self._halve()
            self.save()

    def save(self) -> None:
        """Leave word."""
        _save(self._chunk, self.now)

    def judge(self, death: Death | None) -> None:
        """The last process died: with what in flight? Raises FirstpassError or RuntimeError when it was no image."""
        states = self.board.states()
        now, sha256 = self.now, self.board.sha256
        seen = death or Death()
        now.unseen += death is None
        alone = [p for p in self._checkpoints.missing() if states[p] is Flight.ALONE]
        left = [p for p in self._checkpoints.missing() if p not in now.deaths and p not in alone]
        accused = [p for p in left if states[p] in self._suspicious(death)] or [p for p in left if states[p] in _BEGUN]
        for position in alone:
            now.deaths.setdefault(position, []).append(Death(**asdict(seen) | {"sha256": sha256}))
            now.open = False
            log.warning("%s %s while it ran alone: %s", self._chunk.images[position].uri, _KILLED, seen)
        if alone:
            accused = []
        elif accused:
            now.open = True
            log.warning("images that were in flight when the process was killed, and now run alone: %d", len(accused))
        elif death is None:
            self._halve()
        else:
            self._no_image(death)
        if now.unseen >= 2 or now.cleared >= 2:  # no death may be spent on finding out which
            accused = left
        suspects = {*accused, *(p for p in left if states[p] is Flight.SUSPECT)}
        self._write_board(suspects)
        if len(now.deaths) > MOST_KILLERS:
            raise FirstpassError(
                f"{len(now.deaths)} images of chunk {self._chunk.index} killed the process, the last one by {seen}",
                "look at the machine, its driver and FIRSTPASS_MEMORY rather than at the images; then clear the task:"
                " what is finished is kept",
            )

    def settle_board(self) -> None:
        """Nothing died: only what is suspected stays."""
        states = self.board.states()
        self._write_board({p for p in self._left() if states[p] is Flight.SUSPECT})

    def _write_board(self, suspects: set[int]) -> None:
        missing = set(self._checkpoints.missing())
        self.board.reset(
            [
                Flight.SUSPECT if p in suspects else Flight.UNTOUCHED if p in missing else Flight.DONE
                for p in range(len(self._chunk.images))
            ]
        )

    def _suspicious(self, death: Death | None) -> frozenset[Flight]:
        stale = death is None and self.board.copied
        return _BEGUN if stale or self.now.cleared else frozenset({Flight.DECODING, Flight.INFERRING})

    def _halve(self) -> None:
        self.now.batch_size = max(1, self.now.batch_size // 2)
        log.warning("chunk %d continues in batches of %d", self._chunk.index, self.now.batch_size)

    def _no_image(self, death: Death) -> None:
        self.now.idle += 1
        if death.over_limit or self.now.idle > _MOST_IDLE:
            raise died_idle(self.now.idle, death)


_BEGUN = frozenset({Flight.BEGUN, Flight.DECODING, Flight.DECODED, Flight.INFERRING})
_KILLED = "killed the process"


def killer_reason(died: list[Death]) -> str:
    """Why an image has no row of its own: one sentence."""
    return f"{_KILLED} when it ran alone{', twice' if len(died) > 1 else ''}: {died[-1]}"


@contextmanager
def attempt(chunk: Chunk, checkpoints: Checkpoints, supervision: Supervision | None = None) -> Iterator[Attempts]:
    """This attempt, or its next process where a supervisor saw the death of the last one.

    Takes up what earlier ones finished. An attempt leaves word of itself in <output>.parts/attempt.json as if it had
    been killed, and corrects it when it ends in another way. One that gave up waiting for storage cannot: so where this
    one had to wait for it too, the last does not count as killed. In other batches a score may differ in its last bits.
    Raises as `Attempts.judge`.
    """
    last, death = load_attempt(chunk), supervision.death if supervision else None
    through(checkpoints.resume)
    now = last or Attempt(0, chunk.batch_size, killed=False)
    if death is None:
        now.number, now.idle = now.number + 1, 0
    board = FlightBoard(chunk, supervision.scratch if supervision else None)
    attempts = Attempts(chunk, now, board, checkpoints)
    try:
        if now.killed and (death or not waited()):
            attempts.judge(death)
        else:
            attempts.settle_board()
        now.killed = True
        attempts.save()
        if supervision:
            supervision.judged = True
        yield attempts
    except BaseException:
        now.killed = False
        with suppress(Exception):  # what ended the attempt is what counts
            attempts.save()
        raise
    finally:
        board.close()


def blamed(chunk: Chunk) -> dict[int, list[Death]]:
    """For a chunk that will not be tried again: which images killed the process when they ran alone, by position.

    What ran alone when the last attempt died is one of them, though no further attempt came to judge it.
    """
    last = load_attempt(chunk)
    if last is None:
        return {}
    left = FlightBoard.left(chunk) if last.killed else None
    if left is not None:
        states, sha256 = left
        for position in (p for p, state in enumerate(states) if state is Flight.ALONE):
            last.deaths.setdefault(position, []).append(Death(sha256=sha256))
    return last.deaths


def excuse(chunk: Chunk) -> None:
    """The cluster took the last attempt away, its node for example: it uses up no try, and no image is to blame."""
    last = load_attempt(chunk)
    if last is not None:
        last.killed, last.number = False, max(0, last.number - 1)
        _save(chunk, last)


def load_attempt(chunk: Chunk) -> Attempt | None:
    """What the last attempt left word of; None where there is none, or it is damaged or of another plan."""
    try:
        note: dict[str, Any] = json.loads(storage.read(_uri(chunk)))
        if note.pop("chunk") != chunk.checksum:
            return None
        deaths = {int(position): [Death(**d) for d in died] for position, died in note.pop("deaths").items()}
        last = Attempt(**note, deaths=deaths)
        last.batch_size = max(1, min(last.batch_size, chunk.batch_size))
    except (FileNotFoundError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return last if all(0 <= position < len(chunk.images) for position in last.deaths) else None


def _save(chunk: Chunk, attempt: Attempt) -> None:
    storage.write(_uri(chunk), json.dumps({"chunk": chunk.checksum, **asdict(attempt)}).encode())


def _uri(chunk: Chunk) -> str:
    return storage.join(chunk.parts_uri, "attempt.json")

"""Exactly once: shapes go into the ledger, are sent, compared with what came back, and looked for when in doubt."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Sequence

from firstpass.cvat.publishing.ledger import Key, LedgerEntry, LedgerShape
from firstpass.cvat.publishing.task_shapes import TaskShapes
from firstpass.cvat.server.client import Json
from firstpass.cvat.server.snapshot import fingerprint
from firstpass.cvat.server.uncertain_writes import until_known
from firstpass.errors import FirstpassError

log = logging.getLogger("firstpass")

PIECE = 1000  # shapes per request, about: a frame is never split
_PIECE_FRAMES = 250


class ShapeSender:
    """Puts shapes into one task.

    A request is never repeated before a look at the task has shown what it left undone; whatever else goes wrong, the
    ledger says what was under way, and the next recovery continues there. `sent` counts shapes.
    """

    def __init__(self, task: TaskShapes) -> None:
        self.sent = 0
        self._task = task
        self._announced: dict[Key, LedgerEntry] = {}

    def announce(self, entries: list[LedgerEntry]) -> list[LedgerEntry]:
        """Write down that these are to be sent next, and which earlier ones have arrived; returns them.

        For one other thread than the one that calls `create`, at the same time.
        """
        self._task.write(entries)
        self._announced |= {entry.key: entry for entry in entries}
        return entries

    def create(self, entries: Sequence[LedgerEntry]) -> None:
        """Send these entries, which were announced, in one request and see it through.

        Raises FirstpassError when CVAT refuses them, CvatDown when it cannot be reached for long.
        """
        for entry in entries:
            del self._announced[entry.key]
        self._task.claim(entries)  # a warehouse that was lost does not make them new
        self.deliver(entries)

    def close(self) -> None:
        """Bring the ledger up to date, however it ended; what was announced and not sent is forgotten."""
        self._task.write()
        self._task.forget(list(self._announced.values()))

    def deliver(self, entries: Sequence[LedgerEntry]) -> None:
        """Send what is missing of these entries until nothing is. Raises as `create` does."""
        for entry in entries:
            entry.unsure |= entry.frame in self._task.doubtful_frames
        missing = _missing(entries)
        try:
            until_known(lambda: self._send_missing(entries), lambda: self._look_for(entries))
        except FirstpassError:  # refused: what is not there will not come
            self._task.settle([entry for entry in entries if not entry.missing])
            self._task.forget([entry for entry in entries if entry.nothing_arrived])
            raise
        finally:
            self.sent += missing - _missing(entries)  # an answer that got lost says nothing of them
        self._task.settle(entries)

    def _send_missing(self, entries: Sequence[LedgerEntry]) -> None:
        missing = [shape for entry in entries for shape in entry.missing]
        if not missing:
            return
        outgoing = [shape.outgoing or {} for shape in missing]
        created = self._task.server.send(self._task.task, "create", _ready_text(entries) or outgoing)
        if len(created) == len(outgoing) and all(map(_same, outgoing, created)):
            for shape, raw in zip(missing, created, strict=True):
                shape.id = raw["id"]
            return
        self._recognise(missing, created)
        if any(entry.missing for entry in entries):  # the answer may say less than what was done
            self._task.look()
            self._task.claim(entries)
        if dropped := _missing(entries):
            log.warning("task %d: CVAT took %d shapes less than it was sent", self._task.task, dropped)

    def _recognise(self, missing: Sequence[LedgerShape], created: Sequence[Json]) -> None:
        """Which of the missing shapes the server's answer is about."""
        arrived: dict[int, list[int]] = {}
        for raw in created:
            arrived.setdefault(fingerprint(raw, self._task.defaults), []).append(raw["id"])
        for shape in missing:
            if numbers := arrived.get(shape.fingerprint):
                shape.id = numbers.pop(0)

    def _look_for(self, entries: Sequence[LedgerEntry]) -> None:
        """A request about these entries got lost: look what it left."""
        for entry in entries:
            entry.unsure = True
            self._task.doubtful_frames.add(entry.frame)
        self._task.lost_at = time.monotonic()
        self._task.look()
        self._task.claim(entries)


def pieces(entries: Iterable[LedgerEntry]) -> Iterator[list[LedgerEntry]]:
    """Whole frames, about PIECE shapes together: what one request carries, and what is in memory at a time."""
    piece: list[LedgerEntry] = []
    shapes = 0
    for entry in entries:
        piece.append(entry)
        shapes += len(entry.shapes)
        if shapes >= PIECE or len(piece) >= _PIECE_FRAMES:
            yield piece
            piece, shapes = [], 0
    if piece:
        yield piece


def _missing(entries: Sequence[LedgerEntry]) -> int:
    return sum(len(entry.missing) for entry in entries)


def _ready_text(entries: Sequence[LedgerEntry]) -> str:
    """All shapes of the entries as the JSON that the ledger has of them; empty where some of it was sent already."""
    with_shapes = [entry for entry in entries if entry.shapes]
    if not all(entry.text and entry.nothing_arrived for entry in with_shapes):
        return ""
    return "[" + ",".join((entry.text or "")[1:-1] for entry in with_shapes) + "]"


def _same(outgoing: Json, created: Json) -> bool:
    """Whether the server gave back what it was sent, key by key; it adds some of its own."""
    return outgoing.items() <= created.items()

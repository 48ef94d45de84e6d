"""What of ours lies in one task: the ledger's entries beside what CVAT showed when it was last read."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

from firstpass.cvat.publishing.ledger import Key, Ledger, LedgerEntry, LedgerShape, LedgerState
from firstpass.cvat.server.client import Cvat
from firstpass.cvat.server.snapshot import Snapshot, take_snapshot


class TaskShapes:
    """Made within the ledger's `turn`; shared by sending, recovery and removal, which all work on one task.

    entries: the ledger as it stands, by key. snapshot: what lay in the task when it was last read. doubtful_frames:
    those about which a request got lost. lost_at: when the last one did, on the monotonic clock.
    """

    def __init__(
        self, server: Cvat, ledger: Ledger, task: int, defaults: dict[int, str], segments: Sequence[range] = ()
    ) -> None:
        self.server = server
        self.task = task
        self.defaults = defaults
        self.entries: dict[Key, LedgerEntry] = {entry.key: entry for entry in ledger.entries()}
        self.doubtful_frames: set[int] = set()
        self.lost_at: float | None = None
        self.removed = 0
        self._ledger = ledger
        self._segments = segments
        self._arrived: deque[LedgerEntry] = deque()  # but the ledger does not know yet
        self.look()

    def look(self) -> None:
        """Read the task again."""
        self.snapshot: Snapshot = take_snapshot(self.server, self.task, self.defaults, self._segments)
        claimed = {number for entry in list(self.entries.values()) for number in entry.ids}
        self.unclaimed = self.snapshot.unclaimed(claimed)

    def claim(self, entries: Iterable[LedgerEntry]) -> None:
        """Recognise shapes that lie in CVAT already as the ones that these entries are missing."""
        self._recognise(shape for entry in entries for shape in entry.missing)

    def claim_renewed(self, entries: Iterable[LedgerEntry]) -> None:
        """The same for shapes whose ids are gone: another client took them away and put equal ones in their place."""
        there = self.snapshot.shapes
        self._recognise(
            shape for entry in entries for shape in entry.shapes if shape.id is not None and shape.id not in there
        )

    def _recognise(self, shapes: Iterable[LedgerShape]) -> None:
        for shape in shapes if self.unclaimed else ():
            if numbers := self.unclaimed.get(shape.fingerprint):
                shape.id = numbers.pop(0)

    def settle(self, entries: Iterable[LedgerEntry]) -> None:
        """All of these entries' shapes are where they will ever be; the ledger hears of it with the next `write`."""
        for entry in entries:
            entry.settle(LedgerState.PUBLISHED)
            self._arrived.append(entry)

    def write(self, entries: Sequence[LedgerEntry] = ()) -> None:
        """Write these entries into the ledger, and which earlier ones have arrived."""
        arrived = [self._arrived.popleft() for _ in range(len(self._arrived))]
        if entries or arrived:
            self._ledger.save(entries, arrived)
        for entry in entries:
            self.entries[entry.key] = entry

    def forget(self, entries: Sequence[LedgerEntry]) -> None:
        """Take these entries out of the ledger."""
        if entries:
            self._ledger.forget(entries)
            for entry in entries:
                del self.entries[entry.key]

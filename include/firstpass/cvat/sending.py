"""Exactly once: drafts go into the ledger, are sent, held against what came back, and looked for when in doubt."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import islice

from firstpass.cvat.client import Cvat, Json
from firstpass.cvat.deleting import delete_unedited
from firstpass.cvat.doubt import TRIES, until_known
from firstpass.cvat.ledger import Draft, Key, Ledger
from firstpass.cvat.policy import unedited
from firstpass.cvat.snapshot import Snapshot, fingerprint, take_snapshot
from firstpass.errors import FirstpassError

log = logging.getLogger("firstpass")

LATE = 30.0  # seconds after a request got lost until the last look whether the server applied it after all
_DELETIONS = 2000  # shapes looked at and taken away at a time: the fewer, the shorter the moment between the two


class Sender:
    """Puts drafts of one task into CVAT and takes them away again. Made within the ledger's `turn`.

    `drafts` is the ledger as it stands, `snapshot` what lay in the task when it was last read. A request is never
    repeated before a look at the task has shown what it left undone; whatever else goes wrong, the ledger says what was
    under way, and the next `recover` continues there.
    """

    def __init__(
        self, server: Cvat, ledger: Ledger, task: int, defaults: dict[int, str], segments: Sequence[range] = ()
    ) -> None:
        self._server = server
        self._ledger = ledger
        self._task = task
        self._defaults = defaults
        self._segments = segments
        self.drafts = {draft.key: draft for draft in ledger.drafts()}
        self.snapshot = self.look()
        self.shapes_sent = self.shapes_removed = 0
        self._doubtful_frames: set[int] = set()
        self._lost_at: float | None = None
        self._arrived: deque[Draft] = deque()  # but the ledger does not know yet
        self._announced: dict[Key, Draft] = {}

    def recover(self, ours: Callable[[Draft], bool]) -> None:
        """Settle what an earlier process left under way, and take away doubles that lost requests left behind.

        Of drafts that arrived in part the rest is sent. Those of which nothing arrived leave the ledger if they are
        `ours`, to be planned anew or given up; others stay as they are, for they may arrive yet.
        """
        halfway = [draft for draft in self.drafts.values() if draft.state == "sending"]
        if halfway:
            log.info("task %d: %d frames were being sent when an earlier try ended", self._task, len(halfway))
            self._doubtful_frames.update(draft.frame for draft in halfway)
            self._claim(halfway)
            self._forget([draft for draft in halfway if draft.nothing_arrived and ours(draft)])
            if there := [draft for draft in halfway if not draft.nothing_arrived]:
                self._deliver(there)
                self.announce([])
                self.look()
        if removing := [draft for draft in self.drafts.values() if draft.state == "removing"]:
            self._finish_removing(removing)
        self.sweep()

    def announce(self, drafts: list[Draft]) -> list[Draft]:
        """Write down that these drafts are to be sent next, and which earlier ones have arrived; returns them.

        For one other thread than the one that calls `create`, at the same time.
        """
        arrived = [self._arrived.popleft() for _ in range(len(self._arrived))]
        if drafts or arrived:
            self._ledger.save(drafts, arrived)
        for draft in drafts:
            self.drafts[draft.key] = self._announced[draft.key] = draft
        return drafts

    def create(self, drafts: Sequence[Draft]) -> None:
        """Send these drafts, which were announced, in one request and see it through.

        Raises FirstpassError when CVAT refuses them, CvatDown when it cannot be reached for long.
        """
        for draft in drafts:
            del self._announced[draft.key]
        self._claim(drafts)  # a warehouse that was lost does not make them new
        self._deliver(drafts)

    def close(self) -> None:
        """Bring the ledger up to date, however it ended; what was announced and not sent is forgotten."""
        self.announce([])
        self._forget(list(self._announced.values()))

    def remove(self, drafts: Iterable[Draft]) -> int:
        """Take away what nobody edited of these drafts; returns how many shapes stay because somebody did."""
        doomed = list(drafts)
        if not doomed:
            return 0
        self.announce([])
        self.look()
        for draft in doomed:
            pairs = zip(draft.ids, draft.fingerprints, strict=True)
            draft.state = "removing"
            draft.sent = [number for number, fp in pairs if unedited(number, fp, self.snapshot)]
        self._ledger.save(doomed)
        return self._finish_removing(doomed)

    def sweep(self) -> None:
        """Take away doubles: shapes equal to one of ours whose request got lost, was repeated, and then arrived too."""
        doubled: list[Draft] = []
        extra: dict[int, int] = {}
        for draft in self.drafts.values():
            if draft.unsure and draft.state == "drafted":
                self._add_late_arrivals(draft)
                if second := _second_ones(draft, self.snapshot):
                    extra |= second
                    doubled.append(draft)
        if not doubled:
            return
        log.warning("task %d: %d shapes arrived twice; the second ones are taken away", self._task, len(extra))
        self._ledger.save(doubled)  # nothing is taken away that the ledger does not have
        self._delete(extra)
        for draft in doubled:
            draft.keep([i for i, number in enumerate(draft.ids) if number not in extra])
        self._ledger.save(doubled)

    def finish(self) -> None:
        """Where a request got lost, a last look for what arrived twice: the server may apply it long after its gateway
        gave up. What arrives later still is taken away by the next publish or withdraw of the task."""
        if self._doubtful_frames:
            if self._lost_at is not None:
                time.sleep(max(0.0, self._lost_at + LATE - time.monotonic()))
            self.announce([])
            self.look()
            self.sweep()

    def look(self) -> Snapshot:
        """Read the task anew."""
        self.snapshot = take_snapshot(self._server, self._task, self._defaults, self._segments)
        claimed = {number for draft in list(self.drafts.values()) for number in draft.ids if number is not None}
        self._pool = self.snapshot.unclaimed(claimed)
        return self.snapshot

    def _deliver(self, drafts: Sequence[Draft]) -> None:
        """Send what is missing of the drafts until nothing is."""
        for draft in drafts:
            draft.unsure |= draft.frame in self._doubtful_frames
        try:
            until_known(lambda: self._send_missing(drafts), lambda: self._look_for(drafts))
        except FirstpassError:  # refused: what is not there will not come
            self._settle([draft for draft in drafts if not draft.missing])
            self._forget([draft for draft in drafts if draft.nothing_arrived])
            raise
        self._settle(drafts)

    def _settle(self, drafts: Sequence[Draft]) -> None:
        for draft in drafts:
            draft.state, draft.sent, draft.text = "drafted", None, None
        self._arrived.extend(drafts)

    def _send_missing(self, drafts: Sequence[Draft]) -> None:
        missing = [(draft, i) for draft in drafts for i in draft.missing]
        if not missing:
            return
        sent = [(draft.sent or [])[i] for draft, i in missing]
        if whole := all(draft.text and draft.nothing_arrived for draft in drafts if draft.ids):
            text = ",".join(draft.text[1:-1] for draft in drafts if draft.text and draft.ids)
        created = self._server.send(self._task, "create", f"[{text}]" if whole else sent)
        self.shapes_sent += len(created)
        if len(created) == len(sent) and all(map(_same, sent, created)):
            for (draft, i), shape in zip(missing, created, strict=True):
                draft.ids[i] = shape["id"]
            return
        arrived = _by_fingerprint(created, self._defaults)
        for draft, i in missing:
            if numbers := arrived.get(draft.fingerprints[i]):
                draft.ids[i] = numbers.pop(0)
        if any(draft.missing for draft in drafts):  # the answer may say less than what was done
            self.look()
            self._claim(drafts)
        if dropped := sum(len(draft.missing) for draft in drafts):
            log.warning("task %d: CVAT took %d shapes less than it was sent", self._task, dropped)

    def _look_for(self, drafts: Sequence[Draft]) -> None:
        for draft in drafts:
            draft.unsure = True
            self._doubtful_frames.add(draft.frame)
        self._lost_at = time.monotonic()
        self.look()
        self._claim(drafts)

    def _claim(self, drafts: Iterable[Draft]) -> None:
        """Recognise shapes that lie in CVAT already as the ones that these drafts are missing."""
        for draft in drafts if self._pool else ():
            for i in draft.missing:
                if numbers := self._pool.get(draft.fingerprints[i]):
                    draft.ids[i] = numbers.pop(0)

    def _add_late_arrivals(self, draft: Draft) -> None:
        """Shapes that equal one of the draft's and are nobody's join it, as further ids of the same detection."""
        for number in dict.fromkeys(draft.fingerprints):
            late = self._pool.pop(number, [])
            first = draft.fingerprints.index(number)
            draft.ids += late
            draft.fingerprints += [number] * len(late)
            draft.detections += [draft.detections[first]] * len(late)

    def _forget(self, drafts: Sequence[Draft]) -> None:
        if drafts:
            self._ledger.forget(drafts)
            for draft in drafts:
                del self.drafts[draft.key]

    def _finish_removing(self, drafts: Sequence[Draft]) -> int:
        """Carry out what `sent` says is to go. Returns how many shapes stay."""
        wanted = {n: fp for d in drafts for n, fp in _pairs(d) if n in set(d.sent or ())}
        edited = self._delete(wanted)
        kept = 0
        for draft in drafts:
            gone = set(draft.sent or ()) - edited
            draft.keep([i for i, number in enumerate(draft.ids) if number is not None and number not in gone])
            draft.state, draft.sent = "kept", None
            kept += sum(number in self.snapshot.shapes for number in draft.ids)
        self._ledger.save([draft for draft in drafts if draft.ids])
        self._forget([draft for draft in drafts if not draft.ids])
        return kept

    def _delete(self, wanted: dict[int, int]) -> set[int]:
        """Take these shapes (id → fingerprint) away; returns the ids of those that somebody edited meanwhile.

        Copies go as well: shapes from a machine that equal one of them to the last digit and that nobody claims. CVAT
        has them where jobs overlap, one for each job, and shows a copy only when the first is gone.
        """
        edited: set[int] = set()
        left = wanted
        for _ in range(TRIES):
            for first in range(0, len(left), _DELETIONS):
                batch = dict(islice(left.items(), first, first + _DELETIONS))
                touched, removed = delete_unedited(self._server, self._task, batch, self._defaults)
                edited |= touched
                self.shapes_removed += removed
            self.look()
            gone = {fp for number, fp in wanted.items() if number not in edited}
            left = {number: fp for fp in gone for number in self._pool.get(fp, ())}
            if not left:
                break
        return edited


def _pairs(draft: Draft) -> list[tuple[int, int]]:
    return [(n, fp) for n, fp in zip(draft.ids, draft.fingerprints, strict=True) if n is not None]


def _second_ones(draft: Draft, snapshot: Snapshot) -> dict[int, int]:
    """Of several ids that one shape of the draft has, all but the first that is there: id → fingerprint."""
    shapes: dict[tuple[int, int], list[int]] = {}
    for detection, number, fp in zip(draft.detections, draft.ids, draft.fingerprints, strict=True):
        if number is not None:
            shapes.setdefault((detection, fp), []).append(number)
    extra: dict[int, int] = {}
    for (_, fp), numbers in shapes.items():
        first = next((n for n in numbers if n in snapshot.shapes), numbers[0])
        extra |= {n: fp for n in numbers if n != first}
    return extra


def _same(sent: Json, created: Json) -> bool:
    """Whether the server gave back what it was sent, key by key; it adds some of its own."""
    return sent.items() <= created.items()


def _by_fingerprint(created: Sequence[Json], defaults: dict[int, str]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for shape in created:
        found.setdefault(fingerprint(shape, defaults), []).append(shape["id"])
    return found

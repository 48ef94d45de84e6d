"""What an earlier process left under way in a task, and what lost requests left behind."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from firstpass.cvat.publishing.ledger import LedgerEntry, LedgerShape, LedgerState
from firstpass.cvat.publishing.removal import delete_shapes, finish_removal
from firstpass.cvat.publishing.sending import ShapeSender
from firstpass.cvat.publishing.task_shapes import TaskShapes

log = logging.getLogger("firstpass")

LATE = 30.0  # seconds after a request got lost until the last look whether the server applied it after all


def recover(task: TaskShapes, sender: ShapeSender, ours: Callable[[LedgerEntry], bool]) -> None:
    """Settle what an earlier process left under way, and remove duplicates that lost requests left behind.

    Of entries that arrived in part the rest is sent. Those of which nothing arrived leave the ledger if they are
    `ours`, to be planned again or given up; others stay as they are, for they may arrive yet.
    """
    halfway = [entry for entry in task.entries.values() if entry.state is LedgerState.SENDING]
    if halfway:
        log.info("task %d: %d frames were being sent when an earlier try ended", task.task, len(halfway))
        task.doubtful_frames.update(entry.frame for entry in halfway)
        task.claim(halfway)
        task.forget([entry for entry in halfway if entry.nothing_arrived and ours(entry)])
        if there := [entry for entry in halfway if not entry.nothing_arrived]:
            sender.deliver(there)
            task.write()
            task.look()
    if removing := [entry for entry in task.entries.values() if entry.state is LedgerState.REMOVING]:
        finish_removal(task, removing)
    remove_duplicates(task)


def last_look(task: TaskShapes) -> None:
    """Where a request got lost, look once more for what arrived twice: the server may apply it long after its gateway
    gave up. What arrives later still is removed by the next publish or withdraw of the task."""
    if task.doubtful_frames:
        if task.lost_at is not None:
            time.sleep(max(0.0, task.lost_at + LATE - time.monotonic()))
        task.write()
        task.look()
        remove_duplicates(task)


def remove_duplicates(task: TaskShapes) -> None:
    """Remove shapes equal to one of ours whose request got lost, was repeated, and then arrived too."""
    doubled: list[LedgerEntry] = []
    extra: dict[int, int] = {}
    for entry in task.entries.values():
        if entry.unsure and entry.state is LedgerState.PUBLISHED:
            _add_late_arrivals(entry, task)
            if second := _second_ones(entry, task):
                extra |= second
                doubled.append(entry)
    if not doubled:
        return
    log.warning("task %d: %d shapes arrived twice; the duplicates are removed", task.task, len(extra))
    task.write(doubled)  # nothing is removed that the ledger does not have
    delete_shapes(task, extra)
    for entry in doubled:
        entry.shapes = [shape for shape in entry.shapes if shape.id not in extra]
    task.write(doubled)


def _add_late_arrivals(entry: LedgerEntry, task: TaskShapes) -> None:
    """Shapes that equal one of the entry's and are nobody's join it, as further ids of the same detection."""
    for first in {shape.fingerprint: shape for shape in reversed(entry.shapes)}.values():
        for number in task.unclaimed.pop(first.fingerprint, []):
            entry.shapes.append(LedgerShape(first.detection, first.fingerprint, number))


def _second_ones(entry: LedgerEntry, task: TaskShapes) -> dict[int, int]:
    """Of several ids that one shape of the entry has, all but the first that is there: id → fingerprint."""
    ids: dict[tuple[int, int], list[int]] = {}
    for shape in entry.shapes:
        if shape.id is not None:
            ids.setdefault((shape.detection, shape.fingerprint), []).append(shape.id)
    extra: dict[int, int] = {}
    for (_, fingerprint), numbers in ids.items():
        first = next((n for n in numbers if n in task.snapshot.shapes), numbers[0])
        extra |= {n: fingerprint for n in numbers if n != first}
    return extra

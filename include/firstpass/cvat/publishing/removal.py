"""Taking shapes out of a task, but for those that somebody edited."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

from firstpass.cvat.publishing.frame_policy import unedited
from firstpass.cvat.publishing.ledger import LedgerEntry, LedgerState
from firstpass.cvat.publishing.task_shapes import TaskShapes
from firstpass.cvat.server.client import Cvat, CvatDown, Json
from firstpass.cvat.server.snapshot import fingerprint
from firstpass.cvat.server.uncertain_writes import TRIES, until_known

DELETIONS = 2000  # shapes looked at and removed at a time: the fewer, the shorter the moment between the two


def remove(task: TaskShapes, entries: Iterable[LedgerEntry]) -> int:
    """Remove the shapes of these entries that nobody edited; returns how many stay because somebody did."""
    doomed = list(entries)
    if not doomed:
        return 0
    task.write()
    task.look()
    for entry in doomed:
        entry.state = LedgerState.REMOVING
        for shape in entry.shapes:
            shape.removing = unedited(shape, task.snapshot)
    task.write(doomed)
    return finish_removal(task, doomed)


def finish_removal(task: TaskShapes, entries: Sequence[LedgerEntry]) -> int:
    """Remove what the ledger has marked for it. Returns how many shapes stay."""
    wanted = {s.id: s.fingerprint for entry in entries for s in entry.shapes if s.removing and s.id is not None}
    edited = delete_shapes(task, wanted)
    kept = 0
    for entry in entries:
        entry.shapes = [s for s in entry.shapes if s.id is not None and (not s.removing or s.id in edited)]
        entry.settle(LedgerState.KEPT)
        kept += sum(shape.id in task.snapshot.shapes for shape in entry.shapes)
    task.write([entry for entry in entries if entry.shapes])
    task.forget([entry for entry in entries if not entry.shapes])
    return kept


def delete_shapes(task: TaskShapes, wanted: dict[int, int]) -> set[int]:
    """Remove these shapes (id → fingerprint); returns the ids of those that somebody edited in the meantime.

    Copies go as well: shapes from a machine that equal one of them to the last digit and that nobody claims. CVAT
    has them where jobs overlap, one for each job, and shows a copy only when the first is gone.
    """
    edited: set[int] = set()
    left = wanted
    for _ in range(TRIES):
        for first in range(0, len(left), DELETIONS):
            batch = dict(islice(left.items(), first, first + DELETIONS))
            touched, removed = _delete_unedited(task.server, task.task, batch, task.defaults)
            edited |= touched
            task.removed += removed
        task.look()
        gone = {fp for number, fp in wanted.items() if number not in edited}
        left = {number: fp for fp in gone for number in task.unclaimed.get(fp, ())}
        if not left:
            break
    return edited


def _delete_unedited(server: Cvat, task: int, batch: dict[int, int], defaults: dict[int, str]) -> tuple[set[int], int]:
    """Take these shapes (id → fingerprint) away in one request. Returns the ids of edited ones, and how many went.

    CVAT deletes whatever bears the id, whatever became of it, so all are looked at directly before, and again if the
    task was changed during the look. An edit that is saved in the moment between that and the deletion, some
    hundredths of a second, is lost with its shape: CVAT has no way to make a deletion depend on what is deleted.
    """
    edited: set[int] = set()
    doomed: list[Json] = []
    asked: set[int] = set()

    def look() -> None:
        found = _read_at_rest(server, task, batch)
        edited.update(n for n, raw in found.items() if fingerprint(raw, defaults) != batch[n])
        doomed[:] = [raw for number, raw in found.items() if number not in edited]

    def delete() -> None:
        if doomed:
            asked.update(raw["id"] for raw in doomed)
            server.send(task, "delete", doomed)

    look()
    until_known(delete, look)
    return edited, len(asked - edited)


def _read_at_rest(server: Cvat, task: int, ids: Iterable[int]) -> dict[int, Json]:
    """These shapes as CVAT has them now, when nobody changed the task meanwhile; those that are gone are left out.

    Raises CvatDown when the task does not come to rest.
    """
    wanted = set(ids)
    stamp = _stamp(server, task)
    for _ in range(TRIES):
        found: dict[int, Json] = {}

        def keep(raw: Json, found: dict[int, Json] = found) -> None:
            if raw.get("id") in wanted:
                found[raw["id"]] = raw

        server.shapes(task, keep)
        before, stamp = stamp, _stamp(server, task)
        if stamp == before:
            return found
    raise CvatDown(f"task {task} is changed faster than it can be read")


def _stamp(server: Cvat, task: int) -> str:
    return str(server.get(f"/api/tasks/{task}").get("updated_date"))

"""Taking shapes out of a task, but for those that somebody edited."""

from __future__ import annotations

from collections.abc import Iterable

from firstpass.cvat.client import Cvat, CvatDown, Json
from firstpass.cvat.doubt import TRIES, until_known
from firstpass.cvat.snapshot import fingerprint


def delete_unedited(server: Cvat, task: int, batch: dict[int, int], defaults: dict[int, str]) -> tuple[set[int], int]:
    """Take these shapes (id → fingerprint) away in one request. Returns the ids of edited ones, and how many went.

    CVAT deletes whatever bears the id, whatever became of it, so all are looked at directly before, and again if the
    task was changed during the look. An edit that is saved in the moment between that and the deletion, some
    hundredths of a second, is lost with its shape: CVAT has no way to make a deletion depend on what is deleted.
    """
    edited: set[int] = set()
    doomed: list[Json] = []
    removed = 0

    def look() -> None:
        found = _read_at_rest(server, task, batch)
        edited.update(n for n, raw in found.items() if fingerprint(raw, defaults) != batch[n])
        doomed[:] = [raw for number, raw in found.items() if number not in edited]

    def delete() -> None:
        nonlocal removed
        if doomed:
            server.send(task, "delete", doomed)
            removed += len(doomed)

    look()
    until_known(delete, look)
    return edited, removed


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

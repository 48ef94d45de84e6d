"""Which frames are left alone, and why. Pure functions of what lies in the task and of what the ledger knows."""

from __future__ import annotations

from collections.abc import Sequence

from firstpass.cvat.publishing.ledger import LedgerEntry, LedgerShape, LedgerState
from firstpass.cvat.server.snapshot import Snapshot

PERSON = "a person works on it"


def left_alone(snapshot: Snapshot, entries: Sequence[LedgerEntry], policy: str) -> dict[int, str]:
    """Frame → reason.

    `new`: frames with a shape or track that did not come from a machine, or with a shape of ours that was edited or
    deleted. `empty`: those, and frames with anything that is not an unedited shape of ours. `all`: none.
    """
    if policy == "all":
        return {}
    reasons: dict[int, str] = dict.fromkeys(snapshot.tracked, PERSON)
    ours: set[int] = set()
    for entry in entries:
        ours.update(entry.ids)
        if touched(entry, snapshot):
            reasons[entry.frame] = PERSON
    for shape in snapshot.shapes.values():
        if shape.id not in ours and shape.source != "auto":
            reasons[shape.frame] = PERSON
        elif shape.id not in ours and policy == "empty":
            reasons.setdefault(shape.frame, "another machine's shapes are on it")
    return reasons


def touched(entry: LedgerEntry, snapshot: Snapshot) -> bool:
    """Whether somebody edited or deleted one of the entry's shapes; what we are removing ourselves does not count."""
    ours = entry.state is LedgerState.REMOVING
    return any(
        shape.id is not None and not (ours and shape.removing) and not unedited(shape, snapshot)
        for shape in entry.shapes
    )


def unedited(shape: LedgerShape, snapshot: Snapshot) -> bool:
    """Whether a shape of ours lies in CVAT as we sent it."""
    seen = snapshot.shapes.get(shape.id) if shape.id is not None else None
    return seen is not None and seen.fingerprint == shape.fingerprint


def person_groups(snapshot: Snapshot) -> dict[int, int]:
    """Frame → highest group number that is not a machine's: groups of ours start above it."""
    found: dict[int, int] = {}
    for shape in snapshot.shapes.values():
        if shape.source != "auto":
            found[shape.frame] = max(shape.group, found.get(shape.frame, 0))
    return found

"""Which frames are left alone, and why. Pure functions of what lies in the task and of what the ledger knows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from firstpass.cvat.ledger import Draft
from firstpass.cvat.snapshot import Snapshot

PERSON = "a person works on it"


def left_alone(snapshot: Snapshot, drafts: Sequence[Draft], policy: str) -> dict[int, str]:
    """Frame → reason.

    `new`: frames with a shape or track that did not come from a machine, or with one of our drafts that was edited or
    deleted. `empty`: those, and frames with anything that is not an unedited draft of ours. `all`: none.
    """
    if policy == "all":
        return {}
    reasons: dict[int, str] = dict.fromkeys(snapshot.tracked, PERSON)
    ours: set[int] = set()
    for draft in drafts:
        ours.update(number for number in draft.ids if number is not None)
        if touched(draft, snapshot):
            reasons[draft.frame] = PERSON
    for shape in snapshot.shapes.values():
        if shape.id not in ours and shape.source != "auto":
            reasons[shape.frame] = PERSON
        elif shape.id not in ours and policy == "empty":
            reasons.setdefault(shape.frame, "another machine's shapes are on it")
    return reasons


def touched(draft: Draft, snapshot: Snapshot) -> bool:
    """Whether somebody edited or deleted one of the draft's shapes; what we are removing ourselves does not count."""
    doomed = set(draft.sent or ()) if draft.state == "removing" else set()
    return any(
        number is not None and number not in doomed and not unedited(number, fingerprint, snapshot)
        for number, fingerprint in zip(draft.ids, draft.fingerprints, strict=True)
    )


def unedited(number: int | None, fingerprint: int, snapshot: Snapshot) -> bool:
    """Whether a shape of ours lies in CVAT as we sent it."""
    seen = snapshot.shapes.get(number) if number is not None else None
    return seen is not None and seen.fingerprint == fingerprint


def person_groups(snapshot: Snapshot) -> dict[int, int]:
    """Frame → highest group number that is not a machine's: groups of ours start above it."""
    return _highest((shape.frame, shape.group) for shape in snapshot.shapes.values() if shape.source != "auto")


def _highest(pairs: Iterable[tuple[int, int]]) -> dict[int, int]:
    found: dict[int, int] = {}
    for frame, group in pairs:
        found[frame] = max(group, found.get(frame, 0))
    return found

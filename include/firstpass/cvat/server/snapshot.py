"""What lies in a task just now, kept small: who drew what where, without the points themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from itertools import zip_longest
from typing import Any, NamedTuple

from firstpass.cvat.server.client import Cvat


class SeenShape(NamedTuple):
    """One shape on the server. fingerprint: see `fingerprint`; any edit changes it."""

    id: int
    frame: int
    source: str
    fingerprint: int
    group: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The shapes of one task by id, and the frames on which a track is seen."""

    shapes: Mapping[int, SeenShape]
    tracked: frozenset[int]

    def unclaimed(self, claimed: Iterable[int]) -> dict[int, list[int]]:
        """Fingerprint → ids of the shapes from a machine (source auto) that are not among `claimed`, oldest first."""
        ours = set(claimed)
        found: dict[int, list[int]] = {}
        for shape in sorted(self.shapes.values()):
            if shape.source == "auto" and shape.id not in ours:
                found.setdefault(shape.fingerprint, []).append(shape.id)
        return found


def take_snapshot(server: Cvat, task: int, defaults: Mapping[int, str], segments: Iterable[range] = ()) -> Snapshot:
    """Read the task's annotations, in one request; each shape is let go as soon as it was fingerprinted.

    segments: the frames of each job: a track that nobody ended is seen up to the end of its job.
    """

    def keep(raw: dict[str, Any]) -> SeenShape:
        number = fingerprint(raw, defaults)
        return SeenShape(raw.get("id", 0), raw["frame"], raw.get("source", "manual"), number, raw.get("group") or 0)

    answer = server.shapes(task, keep)
    jobs = list(segments)
    tracked = {frame for track in answer.get("tracks", ()) for frame in _seen(track, jobs)}
    return Snapshot({shape.id: shape for shape in answer["shapes"]}, frozenset(tracked))


def _seen(track: Mapping[str, Any], segments: Sequence[range]) -> Iterator[int]:
    """The frames of a track's keyframes, and those between them and after them on which CVAT shows it."""
    shapes = sorted(track["shapes"], key=lambda shape: shape["frame"])
    for shape, after in zip_longest(shapes, shapes[1:]):
        first = shape["frame"]
        end = after["frame"] if after else max((s.stop for s in segments if first in s), default=first + 1)
        yield from (first,) if shape.get("outside") else range(first, end)


def fingerprint(shape: Mapping[str, Any], defaults: Mapping[int, str]) -> int:
    """64 bits (signed, as a bigint) over all that a person can change about a shape, and over its score.

    defaults: attribute id → default value; attributes that have theirs do not count, so that a shape is the same with
    them spelt out and left out. Points count to a hundredth of a pixel, scores to a ten-thousandth.
    """
    get = shape.get
    points = get("points") or ()
    attributes = get("attributes") or []
    if attributes:
        attributes = sorted((a["spec_id"], a["value"]) for a in attributes if defaults.get(a["spec_id"]) != a["value"])
    about = _form(len(points)) % (
        shape["frame"],
        shape["label_id"],
        shape["type"],
        get("score", 1.0),
        get("source", "manual"),
        bool(get("occluded")),
        bool(get("outside")),
        get("z_order") or 0,
        get("rotation") or 0.0,
        get("group") or 0,
        attributes,
        *points,
    )
    return int.from_bytes(blake2b(about.encode(), digest_size=8).digest(), "big", signed=True)


@lru_cache
def _form(points: int) -> str:
    """Formatting with % is several times as fast as with f-strings, and this is the hot path."""
    return "%d %d %s %.4f %s %d %d %d %.2f %d %r " + "%.2f " * points

"""What became of an image."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """What became of an image. Images in = outcomes out.

    The first four are written by inference; `known` and `duplicate` by the catalogue, which spares them the network.
    The catalogue also writes `unreadable` and `missing`, where the source, a header or an earlier run's fault with the
    same bytes says so: what killed the process in an earlier run is `unreadable` then. `failed` is written for what
    killed the process when it ran alone, and by the merge for what a chunk that never finished has no row of.
    """

    OK = "ok"  # at least one detection at or above its threshold
    EMPTY = "empty"  # read and inferred, nothing found
    UNREADABLE = "unreadable"  # quarantined: `reason` says why
    MISSING = "missing"  # was listed, but gone or denied when it was to be read
    KNOWN = "known"  # this model inferred the same bytes before with these settings
    DUPLICATE = "duplicate"  # the same bytes stand under another name in this run
    FAILED = "failed"  # it killed the process, or its chunk did not finish: first in line next time

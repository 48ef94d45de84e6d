"""What a run leaves undone: images that nothing was found out about, though they are there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from psycopg2.extensions import connection

from firstpass.errors import FirstpassError
from firstpass.images.fetching import DENIED, UNREAD
from firstpass.warehouse.connection import transaction

_EXAMPLES = 3

# A folder's address ends in a slash.
_TOLD = """
WITH told AS (SELECT uri, coalesce(reason, outcome) AS reason, CASE
    WHEN outcome IN ('ok', 'empty') THEN 'inferred'
    WHEN outcome IN ('known', 'failed') THEN outcome
    WHEN right(uri, 1) = '/' THEN CASE outcome WHEN 'unreadable' THEN 'unlisted' END
    WHEN outcome = 'missing' THEN CASE WHEN reason = %(denied)s THEN 'unread' ELSE 'gone' END
    WHEN outcome = 'unreadable' AND starts_with(reason, %(unread)s) THEN 'unread'
END AS kind
FROM run_images WHERE run_id = %(run)s)
"""
_COUNTS = "SELECT kind, count(*) FROM told GROUP BY kind"
# An image's own reason comes before one that it shares with its chunk.
_FIRST = """
SELECT uri, reason FROM told WHERE kind IN ('failed', 'unread', 'unlisted')
ORDER BY count(*) OVER (PARTITION BY reason), uri LIMIT %(examples)s
"""


@dataclass(frozen=True, slots=True)
class Undone:
    """Counts of a run's images.

    failed: of chunks that did not finish, or that killed the process. unread: access was denied, or the disk failed.
    unlisted: folders, whose images nobody could count. gone: deleted between listing and reading; no fault, and not
    counted as undone. inferred: with a prediction of this run's own. known: with one of an earlier run's. first: URI
    and reason of the first that are undone.
    """

    failed: int = 0
    unread: int = 0
    unlisted: int = 0
    gone: int = 0
    inferred: int = 0
    known: int = 0
    first: tuple[tuple[str, str], ...] = ()

    @property
    def images(self) -> int:
        """Those that are left undone; folders are not among them."""
        return self.failed + self.unread

    @property
    def nothing_inferred(self) -> bool:
        """Whether there was something to infer and none of it was.

        A file that is no image is not left to infer. Where images are known, what could not be read or listed may be
        known as well, so only images that failed count.
        """
        if self.inferred:
            return False
        return bool(self.failed or (not self.known and (self.unread or self.unlisted or self.gone)))

    @property
    def state(self) -> Literal["success", "partial", "failed"]:
        """What the run has come to."""
        if self.nothing_inferred:
            return "failed"
        return "partial" if self.images or self.unlisted else "success"

    @property
    def sentence(self) -> str:
        """How many, of which kinds, and which ones first and why; empty when nothing is undone."""
        kinds = (
            (self.failed, "image", "failed"),
            (self.unread, "image", "could not be read"),
            (self.unlisted, "folder", "could not be listed"),
            (self.gone if self.nothing_inferred else 0, "image", "vanished before it was read"),
        )
        counted = [f"{count:,} {thing}{'' if count == 1 else 's'} {what}" for count, thing, what in kinds if count]
        if not counted:
            return ""
        first = "; ".join(f"{uri}: {reason}" for uri, reason in self.first)
        return f"{', '.join(counted)}. First: {first}" if first else ", ".join(counted)

    @property
    def error(self) -> FirstpassError | None:
        """For whoever must not pass over it. None when the run is whole."""
        if self.nothing_inferred:
            return FirstpassError(
                f"there were new images, and none of them could be inferred: {self.sentence}",
                "put right what the reasons name, and run again; what the run's tasks met is in their logs",
            )
        if self.state == "partial":
            return FirstpassError(
                f"the run is not complete: {self.sentence}",
                "put right what the reasons name. The next run tries these images again, those that failed first",
            )
        return None


def undone(conn: connection, run_id: str) -> Undone:
    """What the run leaves undone, by its outcomes. Everything is 0 for a run that has none."""
    asked = {"run": run_id, "denied": DENIED, "unread": UNREAD, "examples": _EXAMPLES}
    with transaction(conn) as cur:
        cur.execute(_TOLD + _COUNTS, asked)
        counts = {kind: count for kind, count in cur if kind}
        cur.execute(_TOLD + _FIRST, asked)
        return Undone(**counts, first=tuple(cur.fetchall()))

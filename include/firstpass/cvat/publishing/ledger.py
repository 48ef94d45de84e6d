"""The ledger: which shapes in CVAT are ours, written down before they are sent. Table `shape_ledger`."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from threading import Lock
from typing import Any

from psycopg2.extensions import connection
from psycopg2.extras import execute_values
from pydantic_core import to_json

log = logging.getLogger("firstpass")

_LOCK = 0x43564154  # "CVAT"

Key = tuple[int, str, str]
"""Frame, model with version, and the digest of thresholds and revision."""


class LedgerState(StrEnum):
    """How far the shapes of one frame are."""

    SENDING = "sending"  # they go out: one without id may or may not have arrived
    PUBLISHED = "published"  # everything arrived; a shape that the server dropped has no id
    REMOVING = "removing"  # those that are marked are being removed
    KEPT = "kept"  # removed but for these, which a person had edited or deleted: the frame is theirs now


@dataclass(slots=True)
class LedgerShape:
    """One shape. detection: number within the image, from 1. id: CVAT's, None while it is not known to have arrived.

    outgoing: the shape as it is sent, while it may still have to be. removing: it is being removed from CVAT.
    """

    detection: int
    fingerprint: int
    id: int | None = None
    outgoing: dict[str, Any] | None = None
    removing: bool = False


@dataclass(slots=True)
class LedgerEntry:
    """One frame's shapes of one prediction. `model` is `name@version`.

    unsure: a request about it got lost, so that it may arrive twice. text: the outgoing shapes as JSON, once they were
    written out.
    """

    frame: int
    model: str
    drafts_hash: str
    run_id: str
    state: LedgerState
    shapes: list[LedgerShape]
    unsure: bool = False
    text: str | None = None

    @property
    def key(self) -> Key:
        """What no other entry of the task shares."""
        return self.frame, self.model, self.drafts_hash

    @property
    def ids(self) -> Iterator[int]:
        """CVAT's ids of the shapes that arrived."""
        return (shape.id for shape in self.shapes if shape.id is not None)

    @property
    def missing(self) -> list[LedgerShape]:
        """The shapes that are not known to have arrived."""
        return [shape for shape in self.shapes if shape.id is None]

    @property
    def nothing_arrived(self) -> bool:
        """Whether it has shapes and none of them is known to have arrived."""
        return bool(self.shapes) and all(shape.id is None for shape in self.shapes)

    def settle(self, state: LedgerState) -> None:
        """Nothing of it is under way any more."""
        self.state, self.text = state, None
        for shape in self.shapes:
            shape.outgoing, shape.removing = None, False


class Ledger:
    """The entries of one task on one server. Each method is a transaction of its own; threads take turns."""

    def __init__(self, conn: connection, server: str, task: int) -> None:
        self._conn = conn
        self._server = server
        self._task = task
        self._alone = Lock()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """The task to itself: whoever else publishes or withdraws in it waits until the block ends.

        The lock belongs to the connection, so it goes with the process that dies.
        """
        key = zlib.crc32(f"{self._server}/{self._task}".encode()) - 2**31
        with self._conn, self._conn.cursor() as cur:
            cur.execute("SELECT pg_try_advisory_lock(%s, %s)", [_LOCK, key])
            if not cur.fetchall()[0][0]:
                log.info("task %d: somebody else publishes in it; waiting for our turn", self._task)
                cur.execute("SELECT pg_advisory_lock(%s, %s)", [_LOCK, key])
        try:
            yield
        finally:
            if not self._conn.closed:
                self._conn.rollback()
                with self._conn, self._conn.cursor() as cur:
                    cur.execute("SELECT pg_advisory_unlock(%s, %s)", [_LOCK, key])

    def entries(self) -> list[LedgerEntry]:
        """Every entry of the task, in order of frame."""
        with self._alone, self._conn, self._conn.cursor() as cur:
            cur.execute(
                "SELECT frame, model, drafts_hash, run_id, state, detections, shape_ids, fingerprints, outgoing,"
                " removing, unsure FROM shape_ledger WHERE server = %s AND task = %s ORDER BY frame, changed_at",
                [self._server, self._task],
            )
            return [_entry(*row) for row in cur]

    def save(self, entries: Sequence[LedgerEntry], arrived: Sequence[LedgerEntry] = ()) -> None:
        """Write these entries as they are now, in place of what was there for their key.

        arrived: entries that are there already, of which only their state and ids have changed.
        """
        for entry in entries:
            entry.text = _outgoing_json(entry)
        with self._alone, self._conn, self._conn.cursor() as cur:
            execute_values(
                cur,
                "UPDATE shape_ledger l SET state = a.state, shape_ids = a.ids, unsure = a.unsure, outgoing = NULL,"
                " removing = NULL, changed_at = now()"
                " FROM (VALUES %s) AS a (server, task, frame, model, drafts_hash, state, ids, unsure)"
                " WHERE l.server = a.server AND l.task = a.task AND l.frame = a.frame"
                " AND l.model = a.model AND l.drafts_hash = a.drafts_hash",
                [(self._server, self._task, *e.key, str(e.state), _array(e.shapes, _id), e.unsure) for e in arrived],
                template="(%s, %s, %s, %s, %s, %s, %s::bigint[], %s)",
                page_size=500,
            )
            execute_values(
                cur,
                "INSERT INTO shape_ledger (server, task, frame, model, drafts_hash, run_id, state, detections,"
                " shape_ids, fingerprints, outgoing, removing, unsure) VALUES %s"
                " ON CONFLICT (server, task, frame, model, drafts_hash)"
                " DO UPDATE SET run_id = excluded.run_id, state = excluded.state, detections = excluded.detections,"
                " shape_ids = excluded.shape_ids, fingerprints = excluded.fingerprints, outgoing = excluded.outgoing,"
                " removing = excluded.removing, unsure = excluded.unsure, changed_at = now()",
                [
                    (self._server, self._task, *e.key, e.run_id, str(e.state), _array(e.shapes, _detection),
                     _array(e.shapes, _id), _array(e.shapes, _fingerprint), e.text, _removing(e), e.unsure)
                    for e in entries
                ],
                template=f"({', '.join(7 * ['%s'])}, %s::integer[], %s::bigint[], %s::bigint[], %s, %s::bigint[], %s)",
                page_size=500,
            )  # fmt: skip

    def forget(self, entries: Sequence[LedgerEntry]) -> None:
        """Take these entries out of the ledger. Says nothing to CVAT."""
        with self._alone, self._conn, self._conn.cursor() as cur:
            execute_values(
                cur,
                "DELETE FROM shape_ledger l USING (VALUES %s) AS gone (server, task, frame, model, drafts_hash)"
                " WHERE l.server = gone.server AND l.task = gone.task AND l.frame = gone.frame"
                " AND l.model = gone.model AND l.drafts_hash = gone.drafts_hash",
                [(self._server, self._task, *e.key) for e in entries],
                page_size=500,
            )


def keys_by_task(conn: connection, server: str, model: str) -> list[tuple[int, Key, str]]:
    """(Task, key, run that sent it) of every entry of one model version, in order of task."""
    with conn, conn.cursor() as cur:
        cur.execute(
            "SELECT task, frame, model, drafts_hash, run_id FROM shape_ledger"
            " WHERE server = %s AND model = %s ORDER BY task, frame",
            [server, model],
        )
        return [(task, (frame, *version), run_id) for task, frame, *version, run_id in cur]


def _entry(
    frame: int,
    model: str,
    drafts_hash: str,
    run_id: str,
    state: str,
    detections: list[int],
    ids: list[int | None],
    fingerprints: list[int],
    outgoing: list[dict[str, Any]] | None,
    removing: list[int] | None,
    unsure: bool,
) -> LedgerEntry:
    doomed = set(removing or ())
    going_out: Sequence[dict[str, Any] | None] = [None] * len(ids) if outgoing is None else outgoing
    shapes = [
        LedgerShape(detection, fingerprint, number, shape, number in doomed)
        for detection, fingerprint, number, shape in zip(detections, fingerprints, ids, going_out, strict=True)
    ]
    return LedgerEntry(frame, model, drafts_hash, run_id, LedgerState(state), shapes, unsure)


def _outgoing_json(entry: LedgerEntry) -> str | None:
    if entry.state is not LedgerState.SENDING:
        return None
    return to_json([shape.outgoing for shape in entry.shapes]).decode()


def _removing(entry: LedgerEntry) -> str | None:
    if entry.state is not LedgerState.REMOVING:
        return None
    return _array([shape for shape in entry.shapes if shape.removing], _id)


def _array(shapes: Sequence[LedgerShape], value: Callable[[LedgerShape], int | None]) -> str:
    """A PostgreSQL array's text: quicker than to have each number adapted."""
    return "{" + ",".join(map(str, map(value, shapes))).replace("None", "NULL") + "}"


def _id(shape: LedgerShape) -> int | None:
    return shape.id


def _detection(shape: LedgerShape) -> int:
    return shape.detection


def _fingerprint(shape: LedgerShape) -> int:
    return shape.fingerprint

"""The ledger: which shapes in CVAT are ours, written down before they are sent. See 0020_cvat.sql for its states."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any

from psycopg2.extensions import connection
from psycopg2.extras import execute_values
from pydantic_core import to_json

log = logging.getLogger("firstpass")

_LOCK = 0x43564154  # "CVAT"

Key = tuple[int, str, str]
"""Frame, model with version, settings."""


@dataclass(slots=True)
class Draft:
    """One frame's shapes of one prediction, in parallel lists. `model` is `name@version`.

    detections: number within the image, from 1. ids: CVAT's, None while a shape is not known to have arrived.
    sent: in state `sending` the shapes as they go out, in state `removing` the ids that are being taken away; text: the
    same as JSON, once it was written out.
    """

    frame: int
    model: str
    settings_hash: str
    run_id: str
    state: str
    detections: list[int]
    ids: list[int | None]
    fingerprints: list[int]
    sent: list[Any] | None = None
    unsure: bool = False
    text: str | None = None

    @property
    def key(self) -> Key:
        """What no other draft of the task shares."""
        return self.frame, self.model, self.settings_hash

    @property
    def model_name(self) -> str:
        """The model without its version."""
        return self.model.partition("@")[0]

    @property
    def missing(self) -> list[int]:
        """Positions of the shapes that are not known to have arrived."""
        return [i for i, number in enumerate(self.ids) if number is None]

    @property
    def nothing_arrived(self) -> bool:
        """Whether it has shapes and none of them is known to have arrived."""
        return bool(self.ids) and len(self.missing) == len(self.ids)

    def keep(self, positions: Sequence[int]) -> None:
        """Forget all shapes but these."""
        self.detections = [self.detections[i] for i in positions]
        self.ids = [self.ids[i] for i in positions]
        self.fingerprints = [self.fingerprints[i] for i in positions]


def _array(values: Sequence[int | None]) -> str:
    """A PostgreSQL array's text: quicker than to have each number adapted."""
    return "{" + ",".join(map(str, values)).replace("None", "NULL") + "}"


class Ledger:
    """The drafts of one task on one server. Each method is a transaction of its own; threads take turns."""

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

    def drafts(self) -> list[Draft]:
        """Every draft of the task, in order of frame."""
        with self._alone, self._conn, self._conn.cursor() as cur:
            cur.execute(
                "SELECT frame, model, settings_hash, run_id, state, detections, shape_ids, fingerprints, sent, unsure"
                " FROM drafts WHERE server = %s AND task = %s ORDER BY frame, changed_at",
                [self._server, self._task],
            )
            return [Draft(*row) for row in cur]

    def save(self, drafts: Sequence[Draft], arrived: Sequence[Draft] = ()) -> None:
        """Write these drafts as they are now, in place of what was there for their frame, model and settings.

        arrived: drafts that are there already, of which only their state and ids have changed.
        """
        for draft in drafts:
            draft.text = None if draft.sent is None else to_json(draft.sent).decode()
        with self._alone, self._conn, self._conn.cursor() as cur:
            execute_values(
                cur,
                "UPDATE drafts d SET state = a.state, shape_ids = a.ids, unsure = a.unsure, sent = NULL,"
                " changed_at = now()"
                " FROM (VALUES %s) AS a (server, task, frame, model, settings_hash, state, ids, unsure)"
                " WHERE d.server = a.server AND d.task = a.task AND d.frame = a.frame"
                " AND d.model = a.model AND d.settings_hash = a.settings_hash",
                [(self._server, self._task, *d.key, d.state, _array(d.ids), d.unsure) for d in arrived],
                template="(%s, %s, %s, %s, %s, %s, %s::bigint[], %s)",
                page_size=500,
            )
            execute_values(
                cur,
                "INSERT INTO drafts (server, task, frame, model, settings_hash, run_id, state, detections, shape_ids,"
                " fingerprints, sent, unsure) VALUES %s ON CONFLICT (server, task, frame, model, settings_hash)"
                " DO UPDATE SET run_id = excluded.run_id, state = excluded.state, detections = excluded.detections,"
                " shape_ids = excluded.shape_ids, fingerprints = excluded.fingerprints, sent = excluded.sent,"
                " unsure = excluded.unsure, changed_at = now()",
                [
                    (self._server, self._task, *d.key, d.run_id, d.state, _array(d.detections), _array(d.ids),
                     _array(d.fingerprints), d.text, d.unsure)
                    for d in drafts
                ],
                template="(%s, %s, %s, %s, %s, %s, %s, %s::integer[], %s::bigint[], %s::bigint[], %s, %s)",
                page_size=500,
            )  # fmt: skip

    def forget(self, drafts: Sequence[Draft]) -> None:
        """Take these drafts out of the ledger. Says nothing to CVAT."""
        with self._alone, self._conn, self._conn.cursor() as cur:
            execute_values(
                cur,
                "DELETE FROM drafts d USING (VALUES %s) AS gone (server, task, frame, model, settings_hash)"
                " WHERE d.server = gone.server AND d.task = gone.task AND d.frame = gone.frame"
                " AND d.model = gone.model AND d.settings_hash = gone.settings_hash",
                [(self._server, self._task, *d.key) for d in drafts],
                page_size=500,
            )

"""CVAT as a source of images: what `firstpass.images` asks for URIs that begin with `cvat:`.

Pods and tasks read frames from CVAT themselves, instead of from a copy staged in storage: every frame is read once, by
whoever infers it, nothing has to be cleaned up, and a frame that was deleted meanwhile is noticed. The price is that a
pod needs the connection (as a secret) and a way to CVAT through the network.
"""

from __future__ import annotations

import logging
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

from firstpass.cvat.client import Cvat, cvat
from firstpass.cvat.frames import expect, fetch
from firstpass.cvat.selection import Selection
from firstpass.cvat.tasks import Task, read_jobs, read_meta, read_tasks
from firstpass.errors import FirstpassError
from firstpass.images.reference import ImageRef

__all__ = ["CvatSource", "expect", "fetch", "open_source"]

log = logging.getLogger("firstpass")


def open_source(uri: str) -> CvatSource:
    """The source that `cvat:task/12` or `cvat:project/3?status=annotation` names: see `Selection`.

    Raises FirstpassError for a URI that names nothing, and where CVAT does not let us in or does not have that task or
    project; whether it can be drafted shows when it is listed.
    """
    selection = Selection.parse(uri)
    server = cvat()
    for number in selection.numbers:
        server.get(f"/api/{selection.kind}s/{number}")
    return CvatSource(uri, selection, server)


@dataclass(frozen=True, slots=True)
class CvatSource:
    """The frames worth drafting of the tasks that `uri` names."""

    uri: str
    selection: Selection
    server: Cvat

    def list(self) -> Iterator[ImageRef]:
        """Every frame that the selection's policy does not leave alone, task by task in order of frame.

        Deleted frames are passed over. Frames with drafts of ours come: the catalogue knows what was inferred, and
        publishing what was drafted. Tasks of a project that cannot be drafted (no data, video, 3D) are logged and
        passed over; one that was named itself raises FirstpassError. There may be nothing left to do: then it is empty.
        """
        for task in read_tasks(self.server, self.selection):
            if isinstance(task, FirstpassError):
                log.warning("passed over: %s", task.problem)
            else:
                yield from self._frames(task)

    def _frames(self, task: Task) -> Iterator[ImageRef]:
        meta = read_meta(self.server, task)
        skip = dict.fromkeys(meta.deleted, "deleted") | left_alone_in(self.server, task, self.selection.policy)
        for reason, count in Counter(skip.values()).items():
            log.info("task %d (%s): %d frames left alone: %s", task.id, task.name, count, reason)
        stamp = f"{zlib.crc32(self.server.connection.host.encode()):08x}-{meta.stamp}"
        for frame, (width, height) in enumerate(meta.sizes.tolist()):
            if frame not in skip:
                yield ImageRef(
                    self.selection.frame_uri(task.id, frame), 0, stamp, width, height, task=task.id, frame=frame
                )


def left_alone_in(server: Cvat, task: Task, policy: str) -> dict[int, str]:
    """Frame → why it is left alone: its job's stage, or what lies on it. Needs the warehouse's ledger."""
    from firstpass.cvat.ledger import Ledger  # not in pods, which only fetch
    from firstpass.cvat.mapping import Label
    from firstpass.cvat.policy import left_alone
    from firstpass.cvat.snapshot import attribute_defaults, take_snapshot
    from firstpass.warehouse.connection import connect

    if policy == "all":
        return {}
    labels = (Label.from_api(raw) for raw in server.pages("/api/labels", task_id=task.id))
    with closing(connect()) as conn:
        drafts = Ledger(conn, server.connection.host, task.id).drafts()
    defaults = attribute_defaults(labels) if drafts else {}
    jobs = read_jobs(server, task)
    snapshot = take_snapshot(server, task.id, defaults, jobs.segments)
    return left_alone(snapshot, drafts, policy) | jobs.closed

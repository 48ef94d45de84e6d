"""CVAT as a source of images: the frames of tasks and projects, for URIs that begin with `cvat:`.

Pods and tasks read frames from CVAT themselves, instead of from a copy staged in storage: every frame is read once, by
whoever infers it, nothing has to be cleaned up, and a frame deleted in the meantime is noticed. The price is that a
pod needs the connection (as a secret) and a way to CVAT through the network.
"""

from __future__ import annotations

import logging
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from functools import lru_cache

from firstpass.contracts.image_reference import ImageRef
from firstpass.contracts.image_source import ImageNamer, ImageSource
from firstpass.cvat.frames import frame_reader
from firstpass.cvat.server.client import Cvat, cvat
from firstpass.cvat.server.cvat_connection import environment
from firstpass.cvat.server.labels import Label, attribute_defaults
from firstpass.cvat.server.selection import Selection
from firstpass.cvat.server.snapshot import take_snapshot
from firstpass.cvat.server.tasks import Task, read_jobs, read_meta, read_tasks
from firstpass.errors import FirstpassError

log = logging.getLogger("firstpass")


class CvatSource(ImageSource):
    """The frames worth drafting of the tasks that `cvat:task/12` or `cvat:project/3?status=annotation` names."""

    takes_drafts = True

    def check(self, uri: str) -> None:
        """Refuse a URI that names nothing, and where CVAT does not let us in or does not have that task or project.

        Whether it can be drafted shows when it is listed.
        """
        selection = Selection.parse(uri)
        for number in selection.numbers:
            cvat().get(f"/api/{selection.kind}s/{number}")

    def list(self, uri: str) -> Iterator[ImageRef]:
        """Every frame that the selection's policy does not leave alone, task by task in order of frame.

        Deleted frames are left out. Frames with shapes of ours are listed: the catalogue knows what was inferred, and
        publishing what was published. Tasks of a project that cannot be drafted (no data, video, 3D) are logged and
        left out; one that was named itself raises FirstpassError. There may be nothing left to do: then it is empty.
        """
        self.check(uri)
        server, selection = cvat(), Selection.parse(uri)
        for task in read_tasks(server, selection.kind, selection.numbers, selection.status):
            if isinstance(task, FirstpassError):
                log.warning("left out: %s", task.problem)
            else:
                yield from _frames(server, selection, task)

    def fetch(self, ref: ImageRef) -> bytes:
        """The encoded picture, upright; see `FrameReader.fetch`."""
        return frame_reader.fetch(ref)

    def expect(self, refs: Iterable[ImageRef]) -> None:
        """Have them read in data chunks where that is fewer requests."""
        frame_reader.expect(refs)

    def environment(self) -> dict[str, str]:
        """The connection, which a child process cannot ask Airflow for."""
        return environment()

    def namer(self, uri: str, common_folder: str, tasks: int) -> ImageNamer:
        """The frames' names in CVAT, which is asked for them; below a folder per task if there are several."""
        del uri, common_folder

        @lru_cache(maxsize=64)
        def names(task: int) -> list[str]:
            return [frame["name"] for frame in cvat().get(f"/api/tasks/{task}/data/meta")["frames"]]

        def name(ref: ImageRef) -> str:
            assert ref.task is not None
            assert ref.frame is not None
            return (f"task_{ref.task}/" if tasks > 1 else "") + names(ref.task)[ref.frame]

        return name

    def reading_note(self, uri: str, seconds: float) -> str:
        """Which pictures were read, and how long that took."""
        which = "compressed, as the browser shows them" if Selection.parse(uri).quality == "compressed" else "originals"
        return f"{which}; reading them took {seconds:.0f} s, beside the network's own work"


CVAT = CvatSource()


def _frames(server: Cvat, selection: Selection, task: Task) -> Iterator[ImageRef]:
    meta = read_meta(server, task)
    skip = dict.fromkeys(meta.deleted, "deleted") | left_alone_in(server, task, selection.policy)
    for reason, count in Counter(skip.values()).items():
        log.info("task %d (%s): %d frames left alone: %s", task.id, task.name, count, reason)
    stamp = f"{zlib.crc32(server.connection.host.encode()):08x}-{meta.stamp}"
    for frame, (width, height) in enumerate(meta.sizes.tolist()):
        if frame not in skip:
            yield ImageRef(selection.frame_uri(task.id, frame), 0, stamp, width, height, task=task.id, frame=frame)


def left_alone_in(server: Cvat, task: Task, policy: str) -> dict[int, str]:
    """Frame → why it is left alone: its job's stage, or what lies on it. Needs the warehouse's ledger."""
    from firstpass.cvat.publishing.frame_policy import left_alone  # not in pods, which only fetch
    from firstpass.cvat.publishing.ledger import Ledger
    from firstpass.warehouse.connection import connect

    if policy == "all":
        return {}
    labels = (Label.from_api(raw) for raw in server.pages("/api/labels", task_id=task.id))
    with closing(connect()) as conn:
        entries = Ledger(conn, server.connection.host, task.id).entries()
    defaults = attribute_defaults(labels) if entries else {}
    jobs = read_jobs(server, task)
    snapshot = take_snapshot(server, task.id, defaults, jobs.segments)
    return left_alone(snapshot, entries, policy) | jobs.closed

"""A run's drafts as a file for CVAT's importers, for teams without access to its API."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from psycopg2.extensions import connection

from firstpass.cvat.drafts import Draft, Head, read_drafts, read_head
from firstpass.cvat.formats import FORMATS
from firstpass.errors import FirstpassError
from firstpass.warehouse.connection import transaction
from firstpass.warehouse.runs import find_run


def export(conn: connection, run_id: str, format: str, out: Path) -> dict[str, Any]:  # noqa: A002 - its name everywhere
    """Write the drafts of a run (an id, or `latest`) below the folder `out`, which is made.

    coco: annotations/instances_default.json. cvat (CVAT for images 1.1): annotations.xml. datumaro:
    annotations/default.json. Images are named relative to the run's image folder and come in order of name; those
    without detections are in it, those that were known from earlier runs too, with the drafts that they have. Left out
    and counted are images without any draft (unreadable, missing, failed) and detections without finite numbers.

    The file appears whole or not at all, and replaces an earlier export; one that Firstpass did not write is never
    replaced. Memory does not grow with the run. Returns {"run_id", "format", "path", "images", "annotations",
    "labels", "left_out": {outcome: images}, "dropped": detections}. Raises FirstpassError for an unknown run or format
    and for a folder that cannot be written. Needs a connection that is in no transaction.
    """
    if format not in FORMATS:
        raise FirstpassError(f"there is no export format {format!r}", f"use one of {', '.join(FORMATS)}")
    run_id = find_run(conn, run_id)
    target = out / FORMATS[format].PATH
    counts: Counter[str] = Counter()
    dropped: Counter[str] = Counter()
    with transaction(conn) as cur:
        cur.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")  # both passes see the same rows
        head = read_head(conn, run_id)

        def drafts() -> Iterator[Draft]:
            counts.clear()
            dropped.clear()
            for draft in read_drafts(conn, head, dropped):
                counts.update(images=1, annotations=len(draft.shapes))
                yield draft

        with _replacing(target, head) as file:
            FORMATS[format].write(file, head, drafts)
    return {
        "run_id": run_id,
        "format": format,
        "path": str(target),
        "images": counts["images"],
        "annotations": counts["annotations"],
        "labels": len(head.classes),
        "left_out": head.left_out,
        "dropped": dropped.total(),
    }


@contextmanager
def _replacing(target: Path, head: Head) -> Iterator[TextIOWrapper]:
    """A new file that takes `target`'s place when the block ends well."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists() and head.author not in _start(target):
            raise FirstpassError(
                f"{target} is there already and was not written by Firstpass",
                "give another folder, or move the file away: people's work is not overwritten",
            )
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).chmod(0o644)
            Path(temporary).replace(target)
        except BaseException:
            with suppress(OSError):
                Path(temporary).unlink()
            raise
    except OSError as error:
        raise FirstpassError(
            f"cannot write {target}: {error.strerror or error}", "give another folder, or free space there"
        ) from error


def _start(path: Path) -> str:
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.read(4096)
